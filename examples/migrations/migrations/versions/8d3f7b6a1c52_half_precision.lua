-- half precision, and an index that is built while others go on writing
return {
  revision = "8d3f7b6a1c52",
  down_revision = "5a1c0e9d2b40",
  branch_labels = {},
  depends_on = {},
  message = "half precision",

  upgrade = function(op, pg)
    op.alter_vector("example_notes", "embedding", pg.HALFVEC(4), { existing_type = pg.VECTOR(4) })
    op.autocommit(function()
      op.create_hnsw_index("ix_example_notes_embedding", "example_notes", pg.column("embedding", pg.HALFVEC(4)), {
        metric = "cosine", m = 16, ef_construction = 64, concurrently = true, maintenance_work_mem = "64MB",
      })
    end)
  end,

  downgrade = function(op, pg)
    op.autocommit(function()
      op.drop_index("ix_example_notes_embedding", "example_notes", { concurrently = true })
    end)
    op.alter_vector("example_notes", "embedding", pg.VECTOR(4), { existing_type = pg.HALFVEC(4) })
  end,
}
