// The forms of an awaitable that the language knows, and what each gives.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include "support/foreign_awaitables.hpp"
#include "support/test_loop.hpp"

using test::await_one;
using test::resumes_inline;
using test::test_loop;

namespace {

using handle = std::coroutine_handle<>;

template <class T>
T run(coheir::task<T> work) {
    test_loop loop;
    return loop.run(std::move(work));
}

struct with_member {
    resumes_inline operator co_await() const noexcept { return {}; }
};
struct with_rvalue_member {
    resumes_inline operator co_await() && noexcept { return {}; }
};
struct with_free {};
resumes_inline operator co_await(with_free) noexcept { return {}; }

struct with_both_values {
    struct gives {
        int value;
        bool await_ready() const noexcept { return true; }
        void await_suspend(handle) const noexcept {}
        int await_resume() const noexcept { return value; }
    };
    gives operator co_await() & noexcept { return {10}; }
    gives operator co_await() const& noexcept { return {20}; }
    gives operator co_await() && noexcept { return {30}; }
};

struct pinned : resumes_inline {
    pinned() = default;
    pinned(const pinned&) = delete;
    pinned& operator=(const pinned&) = delete;
};
struct deduces_promise : resumes_inline {
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> h) const {
        h.resume();
    }
};
struct takes_anything : resumes_inline {
    void await_suspend(auto&& h) const { h.resume(); }
};

struct gives_pinned {
    pinned operator co_await() const noexcept { return {}; }
};
struct gives_reference {
    pinned& operator co_await() noexcept { return inner; }
    pinned inner;
};

}  // namespace

TEST_CASE("an awaitable may be an awaiter, or have a member or free operator co_await", "[foreign]") {
    CHECK(run(await_one(resumes_inline())) == 1);
    CHECK(run(await_one(with_member())) == 1);
    CHECK(run(await_one(with_rvalue_member())) == 1);
    CHECK(run(await_one(with_free())) == 1);
}

TEST_CASE("the operator co_await of the value category is called", "[foreign]") {
    struct f {
        static coheir::task<int> body() {
            with_both_values object;
            const with_both_values constant;
            const int a = co_await object;
            const int b = co_await constant;
            const int c = co_await std::move(object);
            const int d = co_await with_both_values();
            co_return a + b + c + d;
        }
    };
    CHECK(run(f::body()) == 90);
}

TEST_CASE("awaiters that can be neither copied nor moved are awaited where they are", "[foreign]") {
    struct f {
        static coheir::task<int> body() {
            pinned object;
            const pinned constant;
            gives_reference holder;
            int sum = co_await pinned();
            sum += co_await object;
            sum += co_await constant;
            sum += co_await std::move(object);
            sum += co_await gives_pinned();
            sum += co_await holder;
            co_return sum;
        }
    };
    CHECK(run(f::body()) == 6);
}

TEST_CASE("an awaiter may take any kind of handle that a plain one converts to", "[foreign]") {
    struct by_reference : resumes_inline {
        void await_suspend(const handle& h) const { h.resume(); }
    };
    CHECK(run(await_one(deduces_promise())) == 1);
    CHECK(run(await_one(takes_anything())) == 1);
    CHECK(run(await_one(by_reference())) == 1);
}

TEST_CASE("await_ready may give anything that is true or false", "[foreign]") {
    struct constant : resumes_inline {
        std::true_type await_ready() const noexcept { return {}; }
    };
    struct explicit_bool {
        explicit operator bool() const noexcept { return true; }
    };
    struct needs_conversion : resumes_inline {
        explicit_bool await_ready() const noexcept { return {}; }
    };
    CHECK(run(await_one(constant())) == 1);
    CHECK(coheir::awaitable<needs_conversion>);
}

TEST_CASE("what await_resume gives is passed on as it is", "[foreign]") {
    struct ready {
        bool await_ready() const noexcept { return true; }
        void await_suspend(handle) const noexcept {}
    };
    struct reference : ready {
        int& to;
        explicit reference(int& i) : to(i) {}
        int& await_resume() const noexcept { return to; }
    };
    struct unmovable : ready {
        pinned await_resume() const noexcept { return {}; }
    };
    struct move_only : ready {
        std::unique_ptr<int> await_resume() const { return std::make_unique<int>(7); }
    };
    struct f {
        static coheir::task<int> body() {
            int i = 0;
            decltype(auto) r = co_await reference(i);
            static_assert(std::is_same_v<decltype(r), int&>);
            r = 1;
            const pinned p = co_await unmovable();
            static_cast<void>(p);
            const auto seven = co_await move_only();
            co_return i + *seven;
        }
    };
    CHECK(run(f::body()) == 8);
}

TEST_CASE("a named awaiter may be awaited again and again", "[foreign]") {
    struct f {
        static coheir::task<int> body() {
            const resumes_inline again;
            int sum = 0;
            for (int i = 0; i < 100; ++i) sum += co_await again;
            co_return sum;
        }
    };
    CHECK(run(f::body()) == 100);
}
