#!/usr/bin/env mbsand
return { schedule = function() end }
