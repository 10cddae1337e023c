// Catch2 2's own main, compiled once for all test programs; Catch2 3 brings it as a library.
#define CATCH_CONFIG_MAIN
#include "support/catch.hpp"
