-- The tables as the application sees them: what the migrations lead to.
local pg = require "pgvector"

local Base = pg.orm.declarative_base { naming_convention = "default" }

Base:model("example_notes", {
  id = pg.Column { pg.BigInteger, primary_key = true },
  title = pg.Column { pg.Text, nullable = false },
  body = pg.Column { pg.Text },
  state = pg.Column { pg.Enum { "draft", "live", "gone", name = "example_note_state" }, nullable = false,
    server_default = "draft" },
  embedding = pg.Column { pg.HALFVEC(4) },
  pg.HNSW("embedding", { metric = "cosine", m = 16, ef_construction = 64 }),
  pg.CheckConstraint("char_length(title) > 0", { name = "title" }),
})

return Base
