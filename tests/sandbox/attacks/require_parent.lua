-- A file above the policy's folder.
-- expect: require: "../small" is not a module's name
-- exit: 2
require "../small"
