// asio_scheduler and use_task on Boost.Asio.
#include <coheir/adapters/boost_asio.hpp>

#include <boost/asio.hpp>

#define FLAVOUR "boost.asio: "
namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;

#include "asio_scheduler_tests.hpp"
#include "use_task_tests.hpp"
