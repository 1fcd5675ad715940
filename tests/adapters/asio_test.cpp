// asio_scheduler and use_task on standalone Asio.
#include <coheir/adapters/asio.hpp>

#include <asio.hpp>

#define FLAVOUR "asio: "
using asio::error_code;
using asio::system_error;

#include "asio_scheduler_tests.hpp"
#include "use_task_tests.hpp"
