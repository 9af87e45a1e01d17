--- A certificate authority of a spec's own.

local shell = require "spec.support.shell"

local certificates = {}

-- OpenSSL's own settings do not matter; what is signed is what is said here.
local make = [[cd %s && openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
  -keyout %s.key -out %s.csr -subj '/CN=%s' && chmod 600 %s.key]]
local sign_self = [[cd %s && openssl x509 -req -in %s.csr -key %s.key -days 2 -extfile %s.ext -out %s.crt]]
local sign = [[cd %s && openssl x509 -req -in %s.csr -CA %s.crt -CAkey %s.key -CAcreateserial -days %d \
  -extfile %s.ext -out %s.crt]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text, "\n")
  file:close()
end

--- Makes an authority.
-- @tparam string directory where its files go
-- @tparam string name of them: `name.crt` is what to trust
-- @treturn table `path`; `issue(name, common_name, names, days)` makes
--   `name.crt` and `name.key`, valid for `days` (1; negative: expired) and for
--   subject alternative names such as "DNS:localhost", and returns both paths
function certificates.authority(directory, name)
  local function key(of, common_name, extensions)
    shell.run(make:format(directory, of, of, common_name, of))
    write(("%s/%s.ext"):format(directory, of), extensions)
  end
  key(name, "spec authority " .. name, "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign")
  shell.run(sign_self:format(directory, name, name, name, name))

  local self = { path = ("%s/%s.crt"):format(directory, name) }
  function self.issue(of, common_name, names, days)
    key(of, common_name, names and "subjectAltName=" .. names or "basicConstraints=CA:FALSE")
    shell.run(sign:format(directory, of, name, name, days or 1, of, of))
    return ("%s/%s.crt"):format(directory, of), ("%s/%s.key"):format(directory, of)
  end
  return self
end

return certificates
