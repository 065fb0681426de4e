-- Writes what single steps of published runs of vLLM 0.19 took beyond the profiled operators of their GPUs (docs/fidelity.md).
--
--   lua5.4 data/make_links.lua [FOLDER]
--
-- rtx_pro_6000_x2_all_reduce.csv: how long two RTX PRO 6000 need to add up a message of each, by its size. Of Qwen3-32B: 64
-- layers, so 128 all-reduces a step, of rows of 5,120 values of 2 bytes.
--
-- rtx_pro_6000_llama_3_1_8b_corrections.csv: the same of Llama-3.1-8B on one, where nothing is sent: the engine's own work.

local folder = arg[1] or arg[0]:match("^(.*)/") or "."

local function write(name, header, rows)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(header, "\n")
  for _, row in ipairs(rows) do file:write(table.concat(row, ","), "\n") end
  assert(file:close())
end

local ROW = 5120 * 2 -- bytes
local points = { { 1, 15.6 }, { 11, 27 }, { 28, 57 }, { 61, 57 } } -- rows, microseconds
local FROM, TO, BASE, SLOPE = 70, 2048, 49, 0.666 -- from there to the largest step: a straight line
local reduces = {}
for _, rows in ipairs { FROM, TO } do points[#points + 1] = { rows, BASE + SLOPE * rows } end
for i, point in ipairs(points) do reduces[i] = { 2, point[1] * ROW, ("%.3f"):format(point[2]) } end
write("rtx_pro_6000_x2_all_reduce.csv", "gpus,bytes,time_us", reduces)

-- The middles of the groups of steps that could be read; prompts: at any number of tokens.
write("rtx_pro_6000_llama_3_1_8b_corrections.csv", "prompts,tokens,time_us", {
  { 0, 16, 500 }, { 0, 48, 3000 }, { 0, 80, 1400 }, { 0, 112, 200 }, { 1, 2048, 4500 },
})
