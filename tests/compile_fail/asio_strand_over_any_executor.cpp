// An erased executor does not show whether it carries contexts; the compiler says what to use.
// error: make the strand of the io_context
#include <coheir/adapters/asio_context.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>

void start(coheir::asio_io_context& host) {
#ifdef FIXED
    const auto strand = coheir::make_strand(host.get_executor());
#else
    const asio::any_io_executor any = host.get_executor();
    const auto strand = coheir::make_strand(any);
#endif
    asio::post(strand, [] {});
}
