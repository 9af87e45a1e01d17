std = "min" -- what Lua 5.1 to 5.4 and LuaJIT have in common
max_line_length = 120
self = false -- a method need not use its object
codes = true
cache = false
exclude_files = { "build", ".pg" }

files["spec"] = { std = "min+busted", max_line_length = 160 } -- tables of cases
files["library"] = { ignore = { "21.", "24." } } -- declarations without bodies
