// Boost.Asio without memory.
#include "faults/memory.hpp"
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/adapters/boost_asio.hpp>
#include <coheir/adapters/boost_asio_context.hpp>

#include <boost/asio.hpp>

#define FLAVOUR "boost.asio: "
namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using io_context = coheir::boost_io_context;

#include "faults/asio_memory_tests.hpp"

#endif
