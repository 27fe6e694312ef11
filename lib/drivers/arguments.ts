import { invalidType, invalidValue } from '../sys/arguments.ts'
import type { CallOptions, CleanupOptions, GetOptions, PutOptions } from './graph-driver.ts'

/** Options that every call takes. Checked, because callers without types exist. */
export function checkCallOptions(options: CallOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw invalidType('options', 'of type object', options)
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw invalidType('options.signal', 'an instance of AbortSignal', options.signal)
  }
}

/** Options of `put`. */
export function checkPutOptions(options: PutOptions): void {
  checkCallOptions(options)
  checkBoolean(options.detach, 'options.detach')
  checkBoolean(options.recursive, 'options.recursive')
}

/** Options of `cleanup`. */
export function checkCleanupOptions(options: CleanupOptions): void {
  checkCallOptions(options)
  checkBoolean(options.orphans, 'options.orphans')
}

function checkBoolean(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'of type boolean', value)
}

/** Options of whatever makes or describes a mount. */
export function checkGetOptions(options: GetOptions): void {
  checkCallOptions(options)
  checkBoolean(options.readOnly, 'options.readOnly')
  const { mountLabel } = options
  if (mountLabel === undefined) return
  if (typeof mountLabel !== 'string') throw invalidType('options.mountLabel', 'of type string', mountLabel)
  // It is written between quotes: with one in it, it could say any option.
  if (mountLabel === '' || /["\\\0]/.test(mountLabel)) {
    throw invalidValue(
      'options.mountLabel',
      'must not be empty, nor hold quotes, backslashes or null bytes',
      mountLabel,
    )
  }
}
