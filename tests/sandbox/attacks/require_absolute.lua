-- A file anywhere.
-- expect: require: "/etc/passwd" is not a module's name
-- exit: 2
require "/etc/passwd"
