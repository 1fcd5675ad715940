#pragma once
// The id of a request: the client's, if it is one that can be trusted in logs and headers, or a fresh one.

#include <coheir/context.hpp>

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <string>
#include <string_view>

inline constexpr coheir::context::key<std::string> request_id{"request_id"};

inline bool is_acceptable_id(std::string_view id) {
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return !id.empty() && id.size() <= 128 && id.find_first_not_of(allowed) == std::string_view::npos;
}

inline std::string fresh_id() {
    static thread_local boost::uuids::random_generator_mt19937 random;
    return boost::uuids::to_string(random());
}

inline std::string accepted_or_fresh(std::string_view id) {
    return is_acceptable_id(id) ? std::string(id) : fresh_id();
}
