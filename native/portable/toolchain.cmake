# zig as the C++ compiler, for Linux of another age or another processor than the machine that builds.
# native/portable/build says for which, where zig is, and where the headers and libraries are: nothing
# of this machine's own may be found by chance.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{PORTABLE_PROCESSOR})

set(CMAKE_CXX_COMPILER $ENV{PORTABLE_ZIG} c++ -target $ENV{PORTABLE_TARGET})
# The same module in whatever folder it is built: what is asserted names its file.
set(CMAKE_CXX_FLAGS_INIT "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
set(CMAKE_AR llvm-ar)
set(CMAKE_RANLIB llvm-ranlib)

# What CMake would find out by linking programs, for which zig would first build a libc++ of its own.
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_ID_RUN TRUE)
set(CMAKE_CXX_COMPILER_VERSION $ENV{PORTABLE_CLANG})
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_CXX_COMPILER_FORCED TRUE)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_FORMAT ELF)

set(CMAKE_FIND_ROOT_PATH $ENV{PORTABLE_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
