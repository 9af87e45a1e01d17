-- Runs before the specs. busted gives every spec file a package.loaded of its
-- own; luv, whose loop belongs to the process, must not be loaded a second time.
pcall(require, "luv")
