import { invalidType, invalidValue } from '../sys/arguments.ts'
import type { FileHandle } from 'node:fs/promises'
import type { TarSource } from '../archive/source.ts'
import { resolveLimits } from '../archive/limits.ts'
import { checkLayerId } from '../store/index.ts'
import type {
  ApplyOptions,
  CallOptions,
  CleanupOptions,
  CompareOptions,
  DiffOptions,
  GetOptions,
  PutOptions,
} from './graph-driver.ts'

/** Options that every call takes. Checked, because callers without types exist. */
export function checkCallOptions(options: CallOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw invalidType('options', 'of type object', options)
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw invalidType('options.signal', 'an instance of AbortSignal', options.signal)
  }
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    throw invalidType('options.onProgress', 'of type function', options.onProgress)
  }
}

/** Options of what compares two layers. */
export function checkCompareOptions(options: CompareOptions): void {
  checkCallOptions(options)
  if (options.parent !== undefined) checkLayerId(options.parent, 'options.parent')
}

/** Options of what unpacks a tar. */
export function checkApplyOptions(options: ApplyOptions): void {
  checkCallOptions(options)
  resolveLimits(options.limits)
}

/** Options of `diff` and `diffTo`. */
export function checkDiffOptions(options: DiffOptions): void {
  checkCompareOptions(options)
  const { times } = options as { times?: unknown }
  if (times !== undefined && times !== 'exact' && times !== 'seconds') {
    throw invalidValue('options.times', "must be 'exact' or 'seconds'", times)
  }
}

/** Where a tar comes from. */
export function checkTar(tar: TarSource, name: string): void {
  const value: unknown = tar
  const known =
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || 'fd' in value)
  if (!known) throw invalidType(name, 'an async iterable of Uint8Array, or a FileHandle', tar)
}

/** An open file of node:fs/promises. */
export function checkFile(file: FileHandle, name: string): void {
  if (typeof (file as Partial<FileHandle> | undefined)?.fd !== 'number') {
    throw invalidType(name, 'an instance of FileHandle', file)
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
