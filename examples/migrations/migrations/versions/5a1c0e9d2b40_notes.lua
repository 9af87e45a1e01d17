-- notes
return {
  revision = "5a1c0e9d2b40",
  down_revision = false,
  branch_labels = {},
  depends_on = {},
  message = "notes",

  upgrade = function(op, pg)
    op.create_extension("vector")
    op.require_extension("vector", ">=0.7.0")
    op.create_enum("example_note_state", { "draft", "live" })
    local notes = op.create_table("example_notes", {
      pg.Column { "id", pg.BigInteger, pg.Identity(), nullable = false },
      pg.Column { "title", pg.Text, nullable = false },
      pg.Column { "body", pg.Text },
      pg.Column {
        "state", pg.Enum { "draft", "live", name = "example_note_state" }, nullable = false, server_default = "draft",
      },
      pg.Column { "embedding", pg.VECTOR(4) },
      pg.PrimaryKeyConstraint("id", { name = "pk_example_notes" }),
    })
    op.bulk_insert(notes, {
      { title = "the first", body = "of all notes", embedding = { 1, 0, 0, 0 } },
      { title = "the second", embedding = { 0.5, 0.5, 0, 0 } },
    })
  end,

  downgrade = function(op)
    op.drop_table("example_notes")
    op.drop_enum("example_note_state")
  end,
}
