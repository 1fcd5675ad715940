// A task of a library whose symbols are hidden, like those of this program, awaits Asio on a scheduler of it.
// library.hpp comes first in both: what Asio allocates with depends on whether a header of the standard
// library came before it.
// clang-format off
#include "library.hpp"

#include <coheir/adapters/asio.hpp>
// clang-format on

int main() {
    asio::io_context io(1);
    coheir::asio_scheduler loop(io.get_executor());
    int got = 0;
    const auto body = [](asio::io_context& on, int& into) -> coheir::task<> {
        coheir::context::set("number", 4711);
        into = co_await nap_in_library(on);
    };
    const auto handle = loop.spawn(body(io, got));
    io.run();
    return handle.done() && got == 4711 ? 0 : 1;
}
