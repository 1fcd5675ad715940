-- For wrk: every second request has an id of its own, in the header and in the path; every response is
-- checked, header and body, against what was sent. Each thread stops after so many responses, and says so on
-- stderr; at the end prints what was found.
--   wrk … -s check_ids.lua URL -- RESPONSES

local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init(args)
    limit = tonumber(args[1])
    sent, answered = 0, 0
    pending = {}  -- names of requests that wait for their response
    seen = {}     -- fresh ids
    wrong, fresh, first_wrong = 0, 0, ""
end

function request()
    sent = sent + 1
    local headers = {}
    local name
    if sent % 2 == 0 then
        name = "own-" .. number .. "-" .. sent
        headers["X-Request-ID"] = name
    else
        name = "fresh-" .. number .. "-" .. sent
    end
    pending[name] = true
    return wrk.format("GET", "/" .. name, headers)
end

local function check(status, headers, body)
    if status ~= 200 then return "status " .. status end
    local name, id = body:match("^Hello, ([%w-]+)%. Your request id is ([%w-]+)%.\n$")
    if not name then return "body " .. body end
    if not pending[name] then return "nobody waits for " .. name end
    pending[name] = nil
    local header = headers["X-Request-ID"]
    if header ~= id then return "header " .. tostring(header) .. ", body " .. body end
    if name:sub(1, 4) == "own-" then
        if id ~= name then return "another's id: " .. body end
    else
        if not id:match("^%x+-%x+-4%x+-[89ab]%x+-%x+$") or #id ~= 36 then return "not a fresh id: " .. body end
        if seen[id] then return "an id for the second time: " .. body end
        seen[id] = true
        fresh = fresh + 1
    end
end

function response(status, headers, body)
    local problem = check(status, headers, body)
    if problem then
        wrong = wrong + 1
        if first_wrong == "" then first_wrong = problem end
    end
    answered = answered + 1
    if answered == limit then
        wrk.thread:stop()
        io.stderr:write("enough\n")  -- wrk itself waits for the end of its time, or SIGINT
    end
end

function done(summary)
    local answered, wrong, fresh, first_wrong = 0, 0, 0, ""
    for _, thread in ipairs(threads) do
        answered = answered + thread:get("answered")
        wrong = wrong + thread:get("wrong")
        fresh = fresh + thread:get("fresh")
        if first_wrong == "" then first_wrong = thread:get("first_wrong") end
    end
    local e = summary.errors
    io.write(string.format("answered=%d fresh=%d wrong=%d errors=%d\n", answered, fresh, wrong,
                           e.connect + e.read + e.write + e.status + e.timeout))
    if first_wrong ~= "" then io.write("first wrong: " .. first_wrong .. "\n") end
end
