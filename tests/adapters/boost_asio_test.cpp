// asio_scheduler and use_task on Boost.Asio.
#include <coheir/adapters/boost_asio.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/channel_error.hpp>

#define FLAVOUR "boost.asio: "
namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
static const error_code cancelled_by_another_category =
    boost::system::errc::make_error_code(boost::system::errc::operation_canceled);

#include "asio_scheduler_tests.hpp"
#include "use_task_tests.hpp"
