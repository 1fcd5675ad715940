// Contexts go along through existing code on Boost.Asio.
#include <coheir/adapters/boost_asio_context.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#define FLAVOUR "boost.asio: "
namespace asio = boost::asio;
namespace {
using io_context = coheir::boost_io_context;
using thread_pool = coheir::boost_thread_pool;
using carrying = coheir::detail::carrying_boost_asio;
}  // namespace

#include "carrying_tests.hpp"
#include "scoped_tests.hpp"
