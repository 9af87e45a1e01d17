--- What spec/support/faults.c can do to this process, compiled when it is first
-- asked for. `faults.preloaded` is the environment of a program whose malloc
-- and clock it is to control as well.

local shell = require "spec.support.shell"

local source, object = "spec/support/faults.c", "build/spec/faults.so"

-- Written elsewhere and moved: others may be loading it. Sanitizers that watch
-- this process need not watch the compiler. It is not unloaded: its
-- allocator frees memory after Lua has closed its libraries.
local compile = ([[
[ %s -nt %s ] || { unset LD_PRELOAD; mkdir -p build/spec && object=$(mktemp build/spec/faults.XXXXXX) &&
${CC:-cc} -std=gnu99 -Wall -Wextra -Werror -O1 -fPIC -fno-builtin -shared -Wl,-z,nodelete -o "$object" %s && mv "$object" %s; }]])
  :format(object, source, source, object)

shell.run(compile)
local open = assert(package.loadlib("./" .. object, "luaopen_faults"))

local faults = open()

faults.preloaded = { LD_PRELOAD = "./" .. object }

return faults
