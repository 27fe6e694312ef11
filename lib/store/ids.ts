import { invalidType } from '../sys/arguments.ts'
import { GraphDriverError } from '../sys/index.ts'

const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** A directory of this ending is being deleted (Docker's own convention), so no layer may be called so. */
export const REMOVING = '-removing'

/** Whether a name can be a layer's id. */
export function isLayerId(name: string): boolean {
  return ID.test(name) && !name.endsWith(REMOVING)
}

/**
 * Refuses what cannot be a layer's id, before it becomes a part of a path.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE where it is no string.
 * @throws GraphDriverError ERR_INVALID_LAYER_ID
 */
export function checkLayerId(id: unknown, name = 'id'): asserts id is string {
  if (typeof id !== 'string') throw invalidType(name, 'of type string', id)
  if (isLayerId(id)) return
  const shown =
    id.length > 140
      ? `${JSON.stringify(id.slice(0, 128))}… (${String(id.length)} characters)`
      : JSON.stringify(id)
  throw new GraphDriverError(
    'ERR_INVALID_LAYER_ID',
    `${shown} is no layer id: it takes 1 to 128 of A-Z a-z 0-9 _ . -, the first a letter or a digit, and not the ending "${REMOVING}"`,
  )
}
