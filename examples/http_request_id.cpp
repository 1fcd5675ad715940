// An HTTP server that greets, and tells each client the id of its request: from X-Request-ID, or a fresh one.
#include "http/request_id.hpp"
#include "http/server.hpp"

namespace context = coheir::context;
namespace http = boost::beast::http;
using http_server::request;
using http_server::response;

// [server]
coheir::task<response> hello(const request& asked) {
    if (asked.method() != http::verb::get) {
        response refused = http_server::text(http::status::method_not_allowed, "");
        refused.set(http::field::allow, "GET");
        co_return refused;
    }
    co_return http_server::text(http::status::ok, "Hello, " + http_server::name_in(asked) +
                                                      ". Your request id is " + *context::find(request_id) +
                                                      ".\n");
}

coheir::task<response> with_request_id(request asked) {
    context::set(request_id, accepted_or_fresh(asked["X-Request-ID"]));  // set once, read anywhere
    response answer = co_await hello(asked);
    answer.set("X-Request-ID", *context::find(request_id));
    co_return answer;
}

int main(int argc, char** argv) { return http_server::run(argc, argv, with_request_id); }
// [/server]
