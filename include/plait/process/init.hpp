// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace plait {

/// Lets this program start processes: in one that was started to be such a process it does that one's work and never
/// returns. The exported build targets and the .pc file have it called before `main`; who links in another way calls it
/// as the first line of `main` (multiprocessing's `if __name__ == "__main__"`). Static objects are made before it in
/// each process. Again does nothing. Ends the program with a sentence for an argument that only Plait may give.
void init(int argc, char** argv);

}  // namespace plait
