return require "support.itself"
