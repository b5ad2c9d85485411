// Runs a fuzz target on files, for compilers that bring no fuzzer: every input that ever broke
// something stays tested in every build.
#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/input.h"

namespace {

std::vector<std::string> files_in(const char* folder) {
  std::vector<std::string> paths;
  DIR* const open = ::opendir(folder);
  if (open == nullptr) return paths;
  while (const dirent* const entry =
             ::readdir(open)) {  // NOLINT(concurrency-mt-unsafe): one thread
    if (entry->d_name[0] != '.') paths.push_back(std::string(folder) + "/" + entry->d_name);
  }
  ::closedir(open);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t runs = 0;
  for (int i = 1; i < count; ++i) {
    for (const std::string& path : files_in(arguments[i])) {
      std::ifstream file(path, std::ios::binary);
      const std::vector<char> octets((std::istreambuf_iterator<char>(file)),
                                     std::istreambuf_iterator<char>());
      std::printf("%s\n", path.c_str());
      // Said before it is tried: the last line names the culprit.
      static_cast<void>(std::fflush(stdout));
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size());
      ++runs;
    }
  }
  return runs > 0 ? 0 : 1;
}
