rockspec_format = "3.0"
package = "lua-pgvector"
version = "scm-1"

description = {
  summary = "PostgreSQL and pgvector for Lua: driver, SQL toolkit, ORM, migrations",
  detailed = [[
    Vectors, half-precision and sparse vectors and bit strings as Lua values, a
    PostgreSQL driver on libpq that works with blocking code, cqueues, luv and
    OpenResty, SQL expressions, an ORM, vector search and migrations.
    Needs libpq and its header (found by pkg-config or pg_config).
  ]],
  license = "MIT",
  labels = { "database", "postgresql", "vector", "orm" },
}

source = { url = "." }

dependencies = { "lua >= 5.1" }

-- The Makefile knows the flags and installs lua/ as a whole, so that no list
-- of modules can fall behind.
build = {
  type = "make",
  build_target = "build",
  build_variables = {
    LUA = "$(LUA)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    CFLAGS = "$(CFLAGS)",
  },
  install_variables = {
    LUA = "$(LUA)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    BINDIR = "$(BINDIR)",
  },
}
