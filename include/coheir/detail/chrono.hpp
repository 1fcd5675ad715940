#pragma once
// Durations and the steady clock, without the streams and the calendars that <chrono> brings along.

#include <version>

// All of <chrono> takes longer to compile than everything else that the contexts and tasks need. What
// libstdc++ has split off is what its own <condition_variable> includes.
#if defined(__GLIBCXX__) && __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif
