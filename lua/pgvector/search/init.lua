--- Search: nearest neighbours, and vectors together with full text.
--
-- Loading it gives SELECT its method `nearest`; the functions here are `pg.*`.
-- @module pgvector.search

require "pgvector.search.nearest"

return { hybrid_search = require "pgvector.search.hybrid" }
