import { inspect } from 'node:util'

import { AT_FDCWD } from './constants.ts'
import type { Path } from './native.ts'

function coded<E extends Error>(error: E, code: string): E {
  Object.defineProperty(error, 'code', { value: code, enumerable: true, writable: true, configurable: true })
  const [head, ...rest] = (error.stack ?? '').split('\n')
  if (head !== undefined)
    error.stack = [head.replace(error.name, `${error.name} [${code}]`), ...rest].join('\n')
  return error
}

/** A TypeError with code ERR_INVALID_ARG_TYPE, worded like Node's own. */
export function invalidType(name: string, expected: string, value: unknown): TypeError {
  const got = value === null || value === undefined ? String(value) : `type ${typeof value} (${short(value)})`
  return coded(
    new TypeError(`The "${name}" argument must be ${expected}. Received ${got}`),
    'ERR_INVALID_ARG_TYPE',
  )
}

/** A TypeError with code ERR_INVALID_ARG_VALUE, worded like Node's own. */
export function invalidValue(name: string, reason: string, value: unknown): TypeError {
  return coded(
    new TypeError(`The argument '${name}' ${reason}. Received ${short(value)}`),
    'ERR_INVALID_ARG_VALUE',
  )
}

/** A RangeError with code ERR_OUT_OF_RANGE, worded like Node's own. */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
  return coded(
    new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${short(value)}`),
    'ERR_OUT_OF_RANGE',
  )
}

function short(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity })
  return text.length > 128 ? `${text.slice(0, 128)}...` : text
}

/** A path: a string or bytes, without NUL, not empty. */
export function checkPath(value: unknown, name = 'path'): Path {
  const path = checkBytes(value, name)
  if (path.length === 0) throw invalidValue(name, 'must not be empty', value)
  return path
}

/** A string or bytes, without NUL; it may be empty (AT_EMPTY_PATH, mount data). */
export function checkBytes(value: unknown, name: string): Path {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw invalidValue(name, 'must be a string without null bytes', value)
    return value
  }
  if (!(value instanceof Uint8Array)) {
    throw invalidType(name, 'of type string or an instance of Buffer or Uint8Array', value)
  }
  if (value.includes(0)) throw invalidValue(name, 'must be bytes without null bytes', value)
  return value
}

/** A string without NUL, not empty. */
export function checkName(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalidType(name, 'of type string', value)
  if (value === '' || value.includes('\0')) {
    throw invalidValue(name, 'must be a string that is not empty and holds no null bytes', value)
  }
  return value
}

/** What `check` makes of a value that is there; null for null and undefined. */
export function checkOptional<T>(
  value: unknown,
  name: string,
  check: (value: unknown, name: string) => T,
): T | null {
  return value === null || value === undefined ? null : check(value, name)
}

/** A whole number from `min` to `max`. */
export function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${String(min)} and <= ${String(max)}`, value)
  return value
}

/** Flags of 32 bits. */
export function checkFlags(value: unknown, name = 'flags'): number {
  return checkInteger(value, name, 0, 0xffffffff)
}

/** A file descriptor. */
export function checkFd(value: unknown, name = 'fd'): number {
  return checkInteger(value, name, 0, 0x7fffffff)
}

/** A directory's descriptor, or AT_FDCWD. */
export function checkDirfd(value: unknown, name = 'dirfd'): number {
  return value === AT_FDCWD ? AT_FDCWD : checkFd(value, name)
}

/** A bigint that fits `bits` bits: unsigned, or signed where `signed` says so. */
export function checkBigint(value: unknown, name: string, signed = false): bigint {
  if (typeof value !== 'bigint') throw invalidType(name, 'of type bigint', value)
  const cut = signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)
  if (cut !== value) throw outOfRange(name, signed ? 'of 64 bits' : 'of 64 bits and not negative', value)
  return value
}

/** Bytes that may hold anything. */
export function checkBuffer(value: unknown, name: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalidType(name, 'an instance of Buffer or Uint8Array', value)
  return value
}

/** One of the words that a table has as its keys. */
export function checkWord<K extends string>(
  value: unknown,
  name: string,
  table: Readonly<Record<K, unknown>>,
): K {
  if (typeof value === 'string' && Object.hasOwn(table, value)) return value as K
  throw invalidValue(name, `must be one of ${Object.keys(table).join(', ')}`, value)
}

/** A function. */
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidType(name, 'of type function', value)
}

/** An AbortSignal, or none. */
export function checkSignal(value: unknown, name = 'options.signal'): void {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw invalidType(name, 'an instance of AbortSignal', value)
  }
}

/** An options object; undefined counts as an empty one. */
export function checkOptions<T extends object>(value: T | undefined, name = 'options'): Partial<T> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || (value as unknown) === null)
    throw invalidType(name, 'of type object', value)
  return value
}
