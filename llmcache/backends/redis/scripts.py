"""The Lua that runs on the server: what must happen in one step.

Keys come as KEYS, never made up inside, so that access rules and clusters see them. The keys of
one answer, in this order: its value, its lease, its epoch, and, unless the server is a cluster,
the epoch of its scope. In a cluster that one lives elsewhere; its number then comes as ARGV[1],
and is 0 otherwise. An epoch is the sum of both numbers: each only grows, so it changes when
either does.

A lease is text, `epoch:end:token`, the end in milliseconds of the server's clock, or of the
caller's where a clock was injected.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from llmcache.backends.redis.frame import CREATED_OFFSET, HEAD_SIZE, MAGIC

__all__ = ["ADVANCE", "BUMP", "CLAIM", "PUBLISH", "RELEASE", "RENEW", "SETTLE", "Script"]

EPOCH_LIFE = 86_400_000
"""Milliseconds for which an invalidation is remembered: no computation takes longer."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script, known to the server by the SHA-1 of its text once it has run there."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", sha)


NUMBERS = """
local function number_at(key)
  return tonumber(redis.call('GET', key) or '0') or 0
end

local function epoch_now(key, scope_key)
  return number_at(key) + (scope_key and number_at(scope_key) or 0) + tonumber(ARGV[1])
end
"""

GROWING = f"""
local function grow(key)
  -- A full server lets a script go on that has written something; this may be written always.
  redis.call('PEXPIRE', key, {EPOCH_LIFE})
  local time = redis.call('TIME')
  local number = time[1] * 1000000 + time[2]
  local before = number_at(key)
  if number <= before then number = before + 1 end
  redis.call('SET', key, string.format('%.0f', number), 'PX', {EPOCH_LIFE})
  return number
end
"""

LEASES = """
local function lease_clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read_lease(key)
  local epoch, ends, token = (redis.call('GET', key) or ''):match('^(%d+):(%d+):(.*)$')
  if not token then return nil end
  return {epoch = tonumber(epoch), ends = tonumber(ends), token = token}
end

local function write_lease(key, epoch, now, life, token)
  redis.call('SET', key, string.format('%.0f:%.0f:%s', epoch, now + life, token), 'PX', life)
end

local function end_lease(key, token)
  if token == '' then return end
  local lease = read_lease(key)
  if lease and lease.token == token then redis.call('UNLINK', key) end
end
"""

MAGIC_IN_LUA = "".join(f"\\{byte:03d}" for byte in MAGIC)

CLAIM = Script(
    NUMBERS
    + LEASES
    + f"""
-- ARGV: scope epoch, token, life of the lease in ms, now in s, largest age in s or '', lease clock
local function live(value)
  if #value < {HEAD_SIZE} or value:sub(1, {len(MAGIC)}) ~= '{MAGIC_IN_LUA}' then return false end
  local created, expires = struct.unpack('>dd', value, {CREATED_OFFSET + 1})
  local now, largest = tonumber(ARGV[4]), tonumber(ARGV[5])
  if now >= expires then return false end
  return not largest or (largest > 0 and now - created < largest)
end

local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then value = '' end
local epoch = epoch_now(KEYS[3], KEYS[4])
if value and live(value) then return {{value, epoch, -1}} end
local now = lease_clock(ARGV[6])
local lease = read_lease(KEYS[2])
if lease and lease.token ~= ARGV[2] and lease.epoch == epoch and lease.ends > now then
  return {{value, epoch, lease.ends - now}}
end
write_lease(KEYS[2], epoch, now, tonumber(ARGV[3]), ARGV[2])
return {{value, epoch, -1}}
"""
)
"""Get or lease. Reads come first, so a full or read-only server still gives what is live."""

SETTLE = Script(
    NUMBERS
    + LEASES
    + """
-- ARGV: scope epoch, epoch, token or '', life in ms or '', value
local stored = 0
if epoch_now(KEYS[3], KEYS[4]) == tonumber(ARGV[2]) then
  if ARGV[4] == '' then
    stored = redis.pcall('SET', KEYS[1], ARGV[5])
  else
    stored = redis.pcall('SET', KEYS[1], ARGV[5], 'PX', ARGV[4])
  end
end
end_lease(KEYS[2], ARGV[3])
if type(stored) == 'table' and stored.err then return stored end
return stored ~= 0 and 1 or 0
"""
)
"""Store unless invalidated meanwhile, and give the lease back, also where storing fails."""

PUBLISH = Script(
    NUMBERS
    + LEASES
    + """
-- KEYS[4]: the pending value. ARGV: scope epoch, epoch, token or '', life or ''
local pending, stored = KEYS[4], 0
if epoch_now(KEYS[3]) == tonumber(ARGV[2]) and redis.call('EXISTS', pending) == 1 then
  redis.call('RENAME', pending, KEYS[1])
  if ARGV[4] == '' then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
  stored = 1
else
  redis.call('UNLINK', pending)
end
end_lease(KEYS[2], ARGV[3])
return stored
"""
)
"""The second half of storing in a cluster: what is pending becomes the value, or goes."""

ADVANCE = Script(
    NUMBERS
    + GROWING
    + """
-- ARGV: scope epoch, 1 to remove the value and 0 to keep it
grow(KEYS[3])
local removed = 0
if ARGV[2] == '1' then removed = redis.call('UNLINK', KEYS[1]) end
return {removed, epoch_now(KEYS[3], KEYS[4])}
"""
)
"""A new epoch for one key."""

BUMP = Script(NUMBERS + GROWING + "return grow(KEYS[1])")
"""A new epoch for one scope."""

RENEW = Script(
    LEASES
    + """
-- ARGV: token, life in ms, lease clock
local lease = read_lease(KEYS[1])
local now = lease_clock(ARGV[3])
if not lease or lease.token ~= ARGV[1] or lease.ends <= now then return 0 end
write_lease(KEYS[1], lease.epoch, now, tonumber(ARGV[2]), ARGV[1])
return 1
"""
)
"""Extend a lease that is still held."""

RELEASE = Script(LEASES + "end_lease(KEYS[1], ARGV[1])")
"""Give a lease back."""
