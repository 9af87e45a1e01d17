-- a third state; titles must say something
return {
  revision = "c47e92d08f1b",
  down_revision = "8d3f7b6a1c52",
  branch_labels = {},
  depends_on = {},
  message = "states and titles",

  upgrade = function(op)
    op.autocommit(function() op.add_enum_value("example_note_state", "gone", { if_not_exists = true }) end)
    op.execute("UPDATE example_notes SET state = 'gone' WHERE body IS NULL")
    -- first for new rows, then, without locking out writers, for the old ones
    op.create_check_constraint("ck_example_notes_title", "example_notes", "char_length(title) > 0",
      { not_valid = true })
    op.validate_constraint("ck_example_notes_title", "example_notes")
  end,

  downgrade = function(op)
    op.drop_constraint("ck_example_notes_title", "example_notes", { type = "check" })
    op.execute("UPDATE example_notes SET state = 'draft' WHERE state = 'gone'")
    -- an enum keeps its labels: nothing uses this one any more
  end,
}
