// Keys: how they are hashed, in which forms they come, and how they look in messages.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/actor.hpp"

namespace context = coheir::context;
using context::key_name;

namespace {

// SipHash-c-d as in section 2 of the paper, written from there: https://www.aumasson.jp/siphash/siphash.pdf
template <int C, int D>
std::uint64_t siphash(std::uint64_t k0, std::uint64_t k1, const std::vector<unsigned char>& message) {
    std::array<std::uint64_t, 4> v{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                                   k1 ^ 0x7465646279746573};
    const auto rotl = [](std::uint64_t x, unsigned by) { return (x << by) | (x >> (64U - by)); };
    const auto sip_round = [&] {
        v[0] += v[1], v[2] += v[3];
        v[1] = rotl(v[1], 13), v[3] = rotl(v[3], 16);
        v[1] ^= v[0], v[3] ^= v[2];
        v[0] = rotl(v[0], 32);
        v[2] += v[1], v[0] += v[3];
        v[1] = rotl(v[1], 17), v[3] = rotl(v[3], 21);
        v[1] ^= v[2], v[3] ^= v[0];
        v[2] = rotl(v[2], 32);
    };
    std::vector<unsigned char> padded = message;
    while (padded.size() % 8 != 7) padded.push_back(0);
    padded.push_back(static_cast<unsigned char>(message.size() % 256));
    for (std::size_t i = 0; i < padded.size(); i += 8) {
        std::uint64_t word = 0;
        for (std::size_t j = 8; j-- > 0;) word = word * 256 + padded[i + j];
        v[3] ^= word;
        for (int r = 0; r < C; ++r) sip_round();
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int r = 0; r < D; ++r) sip_round();
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// What a parameter of the public functions makes of an argument.
constexpr key_name as_parameter(key_name key) { return key; }

inline constexpr context::key<std::string> request_id{"request_id"};
inline constexpr context::key<int> answer{"answer"};
inline constexpr auto answer_or_42 = answer.or_default(42);

struct convertible_to_text {
    std::string text;
    operator std::string_view() const { return text; }  // NOLINT: implicit
};

bool is_printable(std::string_view text) {
    for (const char c : text)
        if (c < ' ' || c > '~') return false;
    return true;
}

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const coheir::error& e) {
        return e.what();
    }
    return "nothing was thrown";
}

}  // namespace

TEST_CASE("the reference hash gives the paper's values", "[key]") {
    std::vector<unsigned char> message;
    const std::array<std::uint64_t, 4> first{0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                             0x85676696d7fb7e2d};
    for (unsigned char size = 0; size < 15; ++size) {
        if (size < first.size())
            CHECK(siphash<2, 4>(0x0706050403020100, 0x0f0e0d0c0b0a0908, message) == first.at(size));
        message.push_back(size);
    }
    CHECK(siphash<2, 4>(0x0706050403020100, 0x0f0e0d0c0b0a0908, message) == 0xa129ca6149be45e5);
}

TEST_CASE("the hash of a name is SipHash-1-3", "[key]") {
    std::mt19937 random(1);  // NOLINT: the same in every run
    std::vector<std::size_t> sizes{255, 256, 257, 1000, 5000};
    for (std::size_t size = 0; size <= 64; ++size) sizes.push_back(size);
    for (const std::size_t size : sizes) {
        std::vector<unsigned char> bytes(size);
        for (auto& byte : bytes) byte = static_cast<unsigned char>(random());
        const std::string name(bytes.begin(), bytes.end());
        CHECK(key_name(name).hash() == siphash<1, 3>(0, 0, bytes));
    }
}

TEST_CASE("the hash of a name is the one of CPython with PYTHONHASHSEED=0", "[key]") {
    CHECK(key_name(std::string("a")).hash() == 0x407448d2b89b1813);
    CHECK(key_name(std::string("abcdefg")).hash() == 0x6db12aae9070f506);
    CHECK(key_name(std::string("abcdefgh")).hash() == 0x3f7b849c0b8e35ea);
    CHECK(key_name(std::string("abcdefghi")).hash() == 0xf89b34a3d11eb6e5);
    CHECK(key_name(std::string(17, '\xff')).hash() == 0x8a3b21076fce3dc4);
}

TEST_CASE("a literal is hashed while compiling", "[key]") {
    static_assert(as_parameter("request_id").hash() == 0x7a594cd2a92867a7);
    static_assert(request_id.name().hash() == 0x7a594cd2a92867a7);
    static constexpr char array[] = {'a', 'b', 'c', 'd', 'e', 'f', 'g'};  // without a zero
    static_assert(as_parameter(array).hash() == 0x6db12aae9070f506);
    // Only the consteval constructor says so:
    CHECK(as_parameter("request_id").is_static());
    CHECK(as_parameter(array).is_static());
}

TEST_CASE("what is no literal is hashed at run time, to the same", "[key]") {
    const char* const pointer = "request_id";
    char buffer[] = "request_id";
    const std::string string = pointer;
    const convertible_to_text other{string};
    for (const key_name& key :
         {as_parameter(pointer), as_parameter(&buffer[0]), as_parameter(buffer), as_parameter(string),
          as_parameter(std::string_view(string)), as_parameter(other)}) {
        CHECK(key.hash() == as_parameter("request_id").hash());
        CHECK(key.text() == "request_id");
        CHECK_FALSE(key.is_static());
    }
}

TEST_CASE("a key in one form finds what was set in another", "[key]") {
    const std::string_view view = "request_id";
    const std::string string(view);
    const char* const pointer = string.c_str();
    char buffer[] = "request_id";
    const convertible_to_text other{string};
    const auto in_form = [&](int form, auto&& f) {
        switch (form) {
            case 0: return f(as_parameter("request_id"));
            case 1: return f(as_parameter(view));
            case 2: return f(as_parameter(string));
            case 3: return f(as_parameter(pointer));
            case 4: return f(as_parameter(buffer));
            case 5: return f(as_parameter(other));
            default: return f(request_id);
        }
    };
    for (int set_as = 0; set_as < 7; ++set_as)
        for (int read_as = 0; read_as < 7; ++read_as) {
            CAPTURE(set_as, read_as);
            test::actor who;
            const test::acting now(who);
            in_form(set_as, [](const auto& key) { context::set(key, "first"); });
            in_form(read_as, [](const auto& key) {
                CHECK(context::get<std::string>(key) == "first");
                CHECK(context::get(key, "missing") == "first");
                CHECK(*context::find<std::string>(key) == "first");
                CHECK(context::contains(key));
                CHECK(context::update<std::string>(key, [](std::string& value) { value = "second"; }));
            });
            in_form(set_as, [](const auto& key) {
                CHECK(context::get<std::string>(key) == "second");
                context::set(key, "third");
            });
            in_form(read_as, [](const auto& key) {
                CHECK(context::get<std::string>(key) == "third");
                CHECK(context::erase(key));
            });
            in_form(set_as, [](const auto& key) { CHECK_FALSE(context::contains(key)); });
            CHECK(who.capture().empty());
        }
}

TEST_CASE("a key ends at its first zero if it is an array, and only then", "[key]") {
    char buffer[16] = "one";
    std::memcpy(buffer + 4, "two", 4);
    char full[] = {'o', 'n', 'e'};
    CHECK(as_parameter(buffer).text() == "one");
    CHECK(as_parameter(full).text() == "one");
    CHECK(as_parameter("one\0two").text() == "one");
    const std::string with_zero("one\0two", 7);
    CHECK(as_parameter(with_zero).text() == with_zero);

    test::actor who;
    const test::acting now(who);
    context::set("one", 1);
    context::set(with_zero, 2);
    CHECK(context::get<int>(buffer) == 1);
    CHECK(context::get<int>(full) == 1);
    CHECK(context::get<int>(with_zero) == 2);
    CHECK(who.capture().keys() == std::vector<std::string>{"one", with_zero});
}

TEST_CASE("the empty name is a key like others", "[key]") {
    test::actor who;
    const test::acting now(who);
    CHECK_FALSE(context::contains(""));
    context::set("", 1);
    CHECK(context::get<int>(std::string()) == 1);
    CHECK(context::get<int>(std::string_view()) == 1);  // its data() is null
    CHECK(context::erase(std::string_view()));
}

TEST_CASE("a context keeps no reference to the characters of a key", "[key]") {
    test::actor who;
    const test::acting now(who);
    char buffer[] = "first";
    context::set(buffer, 1);
    std::memcpy(buffer, "other", 5);
    context::set(std::string("a name that is too long for the small string optimisation"), 2);
    CHECK(context::get<int>("first") == 1);
    CHECK_FALSE(context::contains(buffer));
    CHECK(context::get<int>("a name that is too long for the small string optimisation") == 2);

    const test::actor heir = who.heir(coheir::spawn_policy::copying);
    context::update<int>("first", [](int& value) { ++value; });  // a clone with the name of the first
    CHECK(heir.capture().keys() == who.capture().keys());
    context::clear();
    CHECK(heir.capture().get<int>("first") == 1);
}

TEST_CASE("a typed key carries its type", "[key]") {
    static_assert(std::is_same_v<decltype(context::get(answer)), std::optional<int>>);
    static_assert(std::is_same_v<decltype(context::get(answer, 1.5)), int>);
    static_assert(std::is_same_v<decltype(context::find(answer)), const int*>);
    static_assert(std::is_same_v<decltype(context::get(request_id, "x")), std::string>);
    test::actor who;
    const test::acting now(who);
    context::set(answer, short{7});
    CHECK(context::get<int>("answer") == 7);
    context::set("answer", "text");
    CHECK_THROWS_AS(context::get(answer), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get(answer, 1), coheir::bad_value_type);
    CHECK(context::find(answer) == nullptr);
    CHECK(context::contains(answer));
    CHECK_THROWS_AS(context::update(answer, [](int&) {}), coheir::bad_value_type);
    CHECK(context::erase(answer));
    CHECK_FALSE(context::erase(answer));
}

TEST_CASE("a typed key with a default gives the default where the key is missing", "[key]") {
    static_assert(std::is_same_v<decltype(context::get(answer_or_42)), int>);
    static_assert(std::is_same_v<decltype(context::get(request_id.or_default("-"))), std::string>);
    test::actor who;
    const test::acting now(who);
    CHECK(context::get(answer_or_42) == 42);
    CHECK(context::get(request_id.or_default("-")) == "-");
    CHECK_FALSE(context::contains(answer));  // nothing was stored
    context::set(answer, 1);
    context::set(request_id, "r-1");
    CHECK(context::get(answer_or_42) == 1);
    CHECK(context::get(request_id.or_default("-")) == "r-1");
    context::set("answer", "text");
    CHECK_THROWS_AS(context::get(answer_or_42), coheir::bad_value_type);

    const context::snapshot empty;
    CHECK(empty.get(answer_or_42) == 42);
    const test::acting nobody(nullptr);
    CHECK_THROWS_AS(context::get(answer_or_42), coheir::no_current_context);
}

TEST_CASE("a null pointer is no key", "[key]") {
    const char* const constant = nullptr;
    char* const pointer = nullptr;
    test::actor who;
    const test::acting now(who);
    CHECK_THROWS_AS(context::get<int>(constant), coheir::invalid_key);
    CHECK_THROWS_AS(context::set(pointer, 1), coheir::invalid_key);
    CHECK_THROWS_AS(context::contains(constant), coheir::invalid_key);
    CHECK_THROWS_AS(context::erase(pointer), coheir::invalid_key);
    CHECK_THROWS_AS(context::update<int>(constant, [](int&) {}), coheir::invalid_key);
    CHECK_THROWS_WITH(context::contains(constant), Catch::Contains("null"));
    CHECK(who.capture().empty());
    // nullptr itself does not compile:
    CHECK_FALSE(std::is_convertible_v<std::nullptr_t, key_name>);
}

TEST_CASE("messages show keys escaped and cut short", "[key]") {
    struct not_to_copy {
        explicit not_to_copy(int v) : value(v) {}
        not_to_copy(not_to_copy&&) = default;
        int value;
    };
    const std::string evil =
        "line\nbreak\r\t\x1b[31mred\x7f\xc3\xa4 'quote' \\ " + std::string(1, '\0') + "end";
    const std::string expected = R"('line\x0abreak\x0d\x09\x1b[31mred\x7f\xc3\xa4 \'quote\' \\ \x00end')";
    const auto messages_about = [](const std::string& key) {
        test::actor who;
        const test::acting now(who);
        context::set(key, 1);
        std::vector<std::string> messages{
            message_of([&] { static_cast<void>(context::get<std::string>(key)); }),
            message_of([&] { context::update<std::string>(key, [](std::string&) {}); })};
        context::set(key, not_to_copy(1));
        const context::snapshot copy = who.capture();
        messages.push_back(message_of([&] { context::update<not_to_copy>(key, [](not_to_copy&) {}); }));
        const test::acting nobody(nullptr);
        messages.push_back(message_of([&] { static_cast<void>(context::get<int>(key)); }));
        messages.push_back(message_of([&] { context::set(key, 1); }));
        return messages;
    };
    for (const std::string& message : messages_about(evil)) {
        CHECK_THAT(message, Catch::Contains(expected));
        CHECK(is_printable(message));
    }
    for (const std::string& message : messages_about(std::string(1'000'000, '\n'))) {
        CHECK(message.size() < 1000);
        CHECK_THAT(message, Catch::Contains("\\x0a..."));
        CHECK(is_printable(message));
    }
}
