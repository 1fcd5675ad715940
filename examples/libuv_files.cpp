// Tasks on a libuv loop read files, each in a context of its own.
#include <coheir/adapters/libuv.hpp>
#include <coheir/coheir.hpp>

#include <fcntl.h>

#include <iostream>
#include <memory>
#include <string>

namespace context = coheir::context;

void log(const std::string& text) { std::cout << context::get("request", "?") << ": " << text << '\n'; }

// [read]
struct open_file {
    ~open_file() {  // at once, since it has no callback
        uv_fs_t request;
        uv_fs_close(loop, &request, number, nullptr);
        uv_fs_req_cleanup(&request);
    }
    uv_loop_t* loop;
    uv_file number;
};

coheir::task<std::string> read(uv_loop_t* loop, std::string path) {
    const auto opened = co_await coheir::uv_await<uv_fs_t>([&](uv_fs_t* request, auto done) {
        return uv_fs_open(loop, request, path.c_str(), O_RDONLY, 0, done);  // libuv copies the path
    });
    // These live until libuv lets go of them, also where the task is stopped before.
    const auto file = std::make_shared<open_file>(loop, static_cast<uv_file>(opened.status()));
    const auto text = std::make_shared<std::string>(100, '\0');
    auto start = [loop, text, file](uv_fs_t* request, auto done) {
        const uv_buf_t buffer = uv_buf_init(text->data(), static_cast<unsigned>(text->size()));
        return uv_fs_read(loop, request, file->number, &buffer, 1, 0, done);
    };
    const auto got = co_await coheir::uv_await<uv_fs_t>(start);
    co_return text->substr(0, static_cast<std::size_t>(got.status()));
}
// [/read]

coheir::task<> handle(uv_loop_t* loop, std::string id, std::string path) {
    context::set("request", id);
    try {
        const std::string text = co_await read(loop, path);
        log("read " + std::to_string(text.size()) + " bytes");
    } catch (const coheir::uv_error& error) {
        log(error.what());
    }
}

// [main]
int main() {
    uv_loop_t* const loop = uv_default_loop();
    {
        coheir::uv_scheduler tasks{loop, coheir::spawn_policy::copying};
        tasks.run(handle(loop, "4711", "/dev/zero"));
        tasks.run(handle(loop, "4712", "/nonexistent"));
    }
    uv_run(loop, UV_RUN_DEFAULT);  // the scheduler's handles are closed here
    return uv_loop_close(loop);
}
// [/main]

// Output:
// 4711: read 100 bytes
// 4712: coheir: uv_await: no such file or directory
