#pragma once
// The names of the main types, for headers that only mention them.

namespace coheir {

template <class T>
class task;
template <class T>
class join_handle;
template <class T>
class remote_handle;
class scheduler;
class spawn_policy;
class options;
class remote;
class manual_clock;
class unhandled;
class task_info;

namespace detail {
struct scheduler_access;
}

}  // namespace coheir
