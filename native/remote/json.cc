// Boost.JSON is compiled here, and only here, from its headers.
#include <boost/json/src.hpp>
