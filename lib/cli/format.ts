const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** A size for people: 3 B, 1.5 KiB, 12 MiB. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // What would be rounded to 1024 is one of the next unit.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`
}

/** A time for people: 4 s, 1:05 min, 2:00:00 h. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (hours > 0) return `${String(hours)}:${two(minutes)}:${two(rest)} h`
  return minutes > 0 ? `${String(minutes)}:${two(rest)} min` : `${String(rest)} s`
}

/** A number of things: 1 layer, 2 layers. */
export function count(number: number, one: string, many: string = `${one}s`): string {
  return `${String(number)} ${number === 1 ? one : many}`
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\\': '\\\\' }

/**
 * A name as it can be shown: control characters could move the cursor or end the line, and bytes that are no UTF-8 have no character.
 *
 * @param bytes of the name, where they are no UTF-8.
 */
export function printable(name: string, bytes?: Uint8Array): string {
  const text = bytes === undefined ? name : Buffer.from(bytes).toString('latin1')
  const strange = bytes === undefined ? CONTROL : CONTROL_OR_HIGH
  return text.replace(strange, (character) => NAMED[character] ?? escapeOf(character))
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}

const CONTROL = /[\p{Cc}\\\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
const CONTROL_OR_HIGH = /[\p{Cc}\xa0-\xff\\]/gu
