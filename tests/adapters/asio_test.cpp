// asio_scheduler and use_task on standalone Asio.
#include <coheir/adapters/asio.hpp>

#include <asio.hpp>
#include <asio/experimental/channel_error.hpp>

#define FLAVOUR "asio: "
using asio::error_code;
using asio::system_error;
static const error_code cancelled_by_another_category = std::make_error_code(std::errc::operation_canceled);

#include "asio_scheduler_tests.hpp"
#include "use_task_tests.hpp"
