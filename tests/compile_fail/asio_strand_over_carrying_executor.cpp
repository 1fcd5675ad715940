// A strand over an executor that carries contexts would mix them up, and the compiler says what to use.
// error: use coheir::make_strand
#include <coheir/adapters/asio_context.hpp>

#include <asio/post.hpp>
#include <asio/strand.hpp>

void start(coheir::asio_io_context& host) {
#ifdef FIXED
    const auto strand = coheir::make_strand(host);
#else
    const auto strand = asio::make_strand(host);
#endif
    asio::post(strand, [] {});
}
