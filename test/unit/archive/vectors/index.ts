/**
 * Archives, good and bad, and what every reader of ours must make of them: the same list, or the same refusal.
 */
import type { Vector } from './build.ts'
import { framing } from './framing.ts'
import { limits } from './limits.ts'
import { names } from './names.ts'
import { numbers } from './numbers.ts'
import { extended } from './pax.ts'
import { values } from './values.ts'
import { writings } from './writing.ts'

export type { Listed, Vector } from './build.ts'
export { large, writings } from './writing.ts'

export const vectors: Readonly<Record<string, readonly Vector[]>> = {
  framing,
  numbers,
  extended,
  values,
  names,
  limits,
  written: writings,
}
