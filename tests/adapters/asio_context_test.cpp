// Contexts go along through existing code on standalone Asio.
#include <coheir/adapters/asio_context.hpp>

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#define FLAVOUR "asio: "
namespace {
using io_context = coheir::asio_io_context;
using thread_pool = coheir::asio_thread_pool;
using carrying = coheir::detail::carrying_asio;
}  // namespace

#include "carrying_tests.hpp"
#include "scoped_tests.hpp"
