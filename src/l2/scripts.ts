/**
 * The write script: one batch of one partition, in one step of Redis. A constant: no input is ever
 * part of its text.
 *
 *   KEYS  state, log, then one data key per entry (the state key again for a clear)
 *   ARGV  1 channel, 2 partition, 3 origin, 4 first op number, 5 last op number, 6 resend floor or
 *         -1, 7 fresh epoch, 8 sequence floor, 9 salt, 10 log cap, 11 tombstone ms, 12 what Redis'
 *         clock says in the sender's belief, 13 the form of the entries, 14 their part of the
 *         message, then two for each entry
 *         Form '': entries of any kind.
 *           meta  struct '>BBBxddddI4': op, condition, codec, soft ms, hard ms, expected (below 0: what this
 *                 call has written before), source version, sum of namespace epochs
 *           tail  the envelope from byte 40 on, suffix, payload; for a clear the namespace path, or '#' and
 *                 whatever is cleared by it, which gets the sequence of its entry
 *         Form 'w': sets and deletes without any condition, made whole by the sender, so that
 *         nothing is left to do here but to store them.
 *           value envelope, suffix, payload; its version as it is if the partition stands at 8
 *           end   of the hard life, or '': none
 *   reply { epoch, last sequence, marks, told, seconds, microseconds, clear epochs, last error }
 *         marks: a letter per entry, '' = all 'a'. a applied, x applied, and the life that it ended was another
 *                value's than the expected one, l lost, o older, d duplicate, e failed, n left alone, because it
 *                or one before it was denied to the user
 *         told:  what the state said of this origin, where there are duplicates:
 *                "<last op> <count> <last sequence> <salt> <seconds> <marks>" of its last batch
 *
 * Every entry that is no duplicate takes one sequence number, so its version follows from its place:
 * (sequence * 1024 + salt). Order of the writes: the sequence goes up before the first value is
 * written and the message comes last, so whatever fails in between (an ACL that forbids one command)
 * is a gap to those who listen, and never a value nobody hears of. The first write is one that
 * Redis refuses when out of memory: such a batch fails whole.
 *
 * A denied entry ends the batch: it and those behind it count as never sent, so that they can be sent again under their
 * numbers. Where nothing was written before it, the state is as it was.
 *
 * A missing state never means sequence 0: the partition begins anew under a fresh epoch, above
 * what the host and the log know. In the control partition that gives the root a new fleet epoch,
 * so nothing written before counts. No entries at all: only makes sure that the state is there.
 *
 * The log keeps as many messages as its cap says, and of large ones those of four times as many
 * sequences, so that its size does not grow with the batches.
 *
 * Origins silent for a week are forgotten when a new one comes and there are many.
 */
import { createHash } from 'node:crypto'

export interface Script {
  text: string
  sha: string
}

/**
 * A batch may be on its way for so long, and what its sender believed of Redis' clock is late by that. Beyond, one of the
 * clocks was set: then lives begin when they arrive.
 */
const LATE_MS = 2000

export const WRITE: Script = script(`
local call, pcall_, pack, unpack_ = redis.call, redis.pcall, struct.pack, struct.unpack
local sub, match, format, floor = string.sub, string.match, string.format, math.floor
local KEYS, ARGV = KEYS, ARGV
local state, log, originField = KEYS[1], KEYS[2], 'o|' .. ARGV[3]
local salt = tonumber(ARGV[9])
local count = #KEYS - 2

local found = call('HMGET', state, 'n', 'e', originField)
local seq, epoch, told = tonumber(found[1]), found[2], found[3]
local isNew = not (seq and epoch)
if isNew then
  epoch, seq = ARGV[7], tonumber(ARGV[8])
  local newest = call('XREVRANGE', log, '+', '-', 'COUNT', '1')[1]
  if newest then seq = math.max(seq, tonumber(match(newest[1], '^%d+'))) end
elseif count == 0 then
  return {epoch, found[1], '', '', '0', '0', {}, ''}
end

local dups = 0
if told then dups = math.max(0, math.min(count, tonumber(match(told, '^%d+')) - tonumber(ARGV[4]) + 1)) end
if count > 0 and dups == count then
  return {epoch, found[1] or format('%.0f', seq), string.rep('d', dups), told, '0', '0', {}, ''}
end
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
local resendFloor = told and -1 or tonumber(ARGV[6])
local isWhole = ARGV[13] ~= ''
local isPlain = isWhole

local base = seq - dups
local seqLast = seq + count - dups
local seqText = format('%.0f', seqLast)
local answer = ARGV[5] .. ' ' .. (count - dups) .. ' ' .. seqText .. ' ' .. ARGV[9] .. ' ' .. time[1] .. ' '
if isNew then
  call('HSET', state, 'n', seqText, 'e', epoch)
  if ARGV[2] == '256' then call('HSET', state, '|', format('%.0f', math.fmod(tonumber(epoch), 4294967296))) end
  call('UNLINK', log)
elseif isPlain then call('HSET', state, 'n', seqText, originField, answer)
else call('HSET', state, 'n', seqText) end

local function u64(n)
  local high = floor(n / 4294967296)
  return pack('>I4I4', high, n - high * 4294967296)
end
local nowBytes = u64(now)
local function arrayHead(n)
  if n < 16 then return string.char(144 + n) end
  if n < 65536 then return pack('>BI2', 220, n) end
  return pack('>BI4', 221, n)
end
local suffixAt = #state + 2
local firstVersion = (base + dups + 1) * 1024

local memo = {}
local function parse(text)
  local op, condition, codec, soft, hard, expected, source, nsEpoch = unpack_('>BBBxddddI4', text)
  local m = {op, condition, expected, source, nsEpoch}
  if op == 2 then soft, hard = 0, tonumber(ARGV[11]) end
  m.px = hard > 0 and format('%.0f', hard) or nil
  m.head = 'SC\\1' .. string.char(codec)
  m.flags = op == 2 and '\\1\\0' or '\\0\\0'
  m.life = u64(soft ~= 0 and now + soft or 0) .. u64(hard > 0 and now + hard or 0)
  m.middles = {}
  m.times = m.life .. nowBytes
  m.looks = condition ~= 0 or source > 0 or op > 2 or resendFloor >= 0
  memo[text] = m
  return m
end

local marks, hasMarks, clears, lastError = {}, false, {}, ''
local message, size = {}, 0
local cut, isUnharmed = nil, true
local function isDenial(text)
  return match(text, 'NOPERM') or match(text, 'ACL failure') or match(text, "user executing the script can't")
end

if isPlain then
  local late = now - tonumber(ARGV[12])
  local isShifted = late < 0 or late > ${LATE_MS}
  local isForeseen = dups == 0 and seq == tonumber(ARGV[8]) and not isShifted
  for i = dups + 1, count do
    local value, ends, done = ARGV[13 + 2 * i], ARGV[14 + 2 * i], nil
    if not isForeseen then
      local version, lives = (base + i) * 1024 + salt, sub(value, 17, 40)
      local high = floor(version / 4294967296)
      if isShifted then
        local s1, s2, h1, h2 = unpack_('>I4I4I4I4', value, 17)
        local soft, hard = s1 * 4294967296 + s2, h1 * 4294967296 + h2
        if soft > 0 then soft = soft + late end
        if hard > 0 then hard = hard + late end
        if ends ~= '' then ends = format('%.0f', tonumber(ends) + late) end
        lives = u64(soft) .. u64(hard) .. nowBytes
      end
      value = sub(value, 1, 4) .. pack('>I4I4', high, version - high * 4294967296) .. sub(value, 13, 16) .. lives .. sub(value, 41)
    end
    if ends == '' then done = pcall_('SET', KEYS[2 + i], value) else done = pcall_('SET', KEYS[2 + i], value, 'PXAT', ends) end
    if done.err then
      hasMarks, marks[i], lastError = true, 'e', done.err
      if isDenial(done.err) then
        cut = i
        break
      end
    end
  end
end

for i = isPlain and count + 1 or dups + 1, count do
  local at = 13 + 2 * i
  local m = memo[ARGV[at]] or parse(ARGV[at])
  local tail = ARGV[at + 1]
  local key, op = KEYS[2 + i], m[1]
  local suffix = sub(key, suffixAt)
  local version = (base + i) * 1024 + salt
  local high = floor(version / 4294967296)
  local versionBytes = pack('>I4I4', high, version - high * 4294967296)
  local mark, kind = cut and 'n' or 'a', op
  local stored, isLive, isOurs, softAt, hardAt, isOther = 0, false, false, 0, 0, false
  if mark == 'a' and m.looks and op < 5 then
    local head, source = pcall_('GETRANGE', key, '0', '63'), 0
    if type(head) == 'table' and head.err and isDenial(head.err) then cut, lastError = i, head.err end
    if type(head) == 'string' and #head == 64 and sub(head, 1, 3) == 'SC\\1' then
      local v1, v2, flags, s1, s2, h1, h2 = unpack_('>I4I4BxxxI4I4I4I4', head, 5)
      local o1, o2, nsEpoch = unpack_('>I4I4I4', head, 41)
      stored, softAt, hardAt = v1 * 4294967296 + v2, s1 * 4294967296 + s2, h1 * 4294967296 + h2
      isOurs = nsEpoch == m[5] and (hardAt == 0 or hardAt > now)
      isLive = isOurs and flags == 0
      source = o1 * 4294967296 + o2
    end
    if cut then mark = 'n'
    elseif m[4] > 0 and m[2] ~= 3 and isOurs and source >= m[4] then mark = 'o'
    elseif m[2] == 1 and isLive then mark = 'l'
    elseif m[2] == 2 and not (isLive and stored == m[3]) then mark = 'l'
    elseif m[2] == 3 and op < 4 and (m[3] < 0 and stored < firstVersion or m[3] >= 0 and stored > m[3]) then mark = 'l'
    elseif op > 2 and not isLive then mark = 'l'
    elseif resendFloor >= 0 and stored > resendFloor * 1024 + 1023 then mark = 'l' end
  end
  if mark == 'a' then
    local done = 0
    if op < 3 then
      local middle = m.middles[#suffix]
      if not middle then
        middle = m.flags .. pack('>I2', #suffix) .. m.times
        m.middles[#suffix] = middle
      end
      local value = m.head .. versionBytes .. middle .. tail
      if m.px then done = pcall_('SET', key, value, 'PX', m.px) else done = pcall_('SET', key, value) end
    elseif op == 5 then
      suffix = tail
      local clear = base + i
      if sub(suffix, 1, 1) ~= '#' then
        clear = math.fmod(math.max(tonumber(call('HGET', state, '|' .. suffix) or 0), m[3]) + 1, 4294967296)
      end
      call('HSET', state, '|' .. suffix, format('%.0f', clear))
      clears[#clears + 1] = format('%.0f', clear)
      message[size + 3] = clear
    else
      local life, px = m.life, m.px
      if op == 4 then
        kind = 3
        isOther = m[3] < 0 and stored < firstVersion or m[3] >= 0 and stored > m[3]
        if softAt == 0 or softAt > now then
          if softAt == 0 then hardAt = now + 1 elseif hardAt > 0 then hardAt = now + hardAt - softAt end
          softAt = now
        end
        life = u64(softAt) .. u64(hardAt)
        px = hardAt > 0 and format('%.0f', math.max(1, hardAt - now)) or nil
      end
      done = pcall_('SETRANGE', key, '4', versionBytes)
      if type(done) == 'number' then done = pcall_('SETRANGE', key, '16', life) end
      if type(done) == 'number' then
        isUnharmed = false
        if px then done = pcall_('PEXPIRE', key, px) else done = pcall_('PERSIST', key) end
      end
    end
    if type(done) == 'table' and done.err then
      mark, lastError = 'e', done.err
      if isDenial(done.err) then cut, mark = i, 'n' end
    end
  end
  if mark ~= 'a' then hasMarks, marks[i], kind, suffix = true, mark, 0, ''
  elseif isOther then hasMarks, marks[i] = true, 'x' end
  message[size + 1], message[size + 2] = kind, suffix
  size = size + (op == 5 and 3 or 2)
end

local markText = ''
if hasMarks then
  for i = dups + 1, count do marks[i] = cut and i >= cut and 'n' or marks[i] or 'a' end
  markText = table.concat(marks, '', dups + 1, count)
end
local stays = answer .. markText
if cut then
  local done = cut - 1 - dups
  if done == 0 and told then stays = told
  else stays = format('%.0f', ARGV[4] + cut - 2) .. ' ' .. done .. ' ' .. format('%.0f', base + cut - 1) .. ' ' .. ARGV[9] .. ' ' .. time[1] .. ' ' .. sub(markText, 1, done) end
  if done == 0 and isUnharmed then
    call('HSET', state, 'n', format('%.0f', seq))
    if isPlain and not isNew then call('HSET', state, originField, stays) end
    return {epoch, format('%.0f', seq), string.rep('d', dups) .. markText, dups > 0 and told or '', time[1], time[2], {}, lastError}
  end
end
if count > 0 and (hasMarks or isNew or not isWhole) then call('HSET', state, originField, stays) end
if count > 0 and not told and call('HLEN', state) > 64 then
  local fields = call('HGETALL', state)
  for i = 1, #fields, 2 do
    local seconds = sub(fields[i], 1, 2) == 'o|' and match(fields[i + 1], '^%d+ %d+ %d+ %d+ (%d+)')
    if seconds and time[1] - seconds > 604800 then call('HDEL', state, fields[i]) end
  end
end
local events = ARGV[14]
if isPlain then
  if hasMarks or dups > 0 then
    message = cmsgpack.unpack(arrayHead(2 * count) .. events)
    for i = 1, dups do table.remove(message, 1) table.remove(message, 1) end
    for i = dups + 1, count do
      if marks[i] and marks[i] ~= 'a' then message[2 * (i - dups) - 1], message[2 * (i - dups)] = 0, '' end
    end
    isPlain, size = false, 2 * (count - dups)
  else size = 2 * count end
end
if not isPlain then events = size > 0 and sub(cmsgpack.pack(message), #arrayHead(size) + 1) or '' end
local packed = arrayHead(7 + size) .. cmsgpack.pack(tonumber(ARGV[2]), epoch, seq + 1, seqLast, ARGV[3], salt, isNew and 1 or 0) .. events
if count > 0 then
  if floor(seqLast / 64) == floor(seq / 64) then call('XADD', log, seqText .. '-0', 'm', packed)
  elseif count > 4 then call('XADD', log, 'MINID', '~', format('%.0f', math.max(0, seqLast - 4 * ARGV[10])), seqText .. '-0', 'm', packed)
  else call('XADD', log, 'MAXLEN', '~', ARGV[10], seqText .. '-0', 'm', packed) end
end
call('PUBLISH', ARGV[1], packed)
if dups > 0 then
  if markText == '' then markText = string.rep('a', count - dups) end
  markText = string.rep('d', dups) .. markText
end
return {epoch, seqText, markText, dups > 0 and told or '', time[1], time[2], clears, lastError}
`)

/** Blanks and empty lines do not travel. */
function script(source: string): Script {
  const text = source.split('\n').map((line) => line.trim()).filter((line) => line !== '').join('\n')
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
