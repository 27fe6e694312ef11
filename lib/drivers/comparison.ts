import { corruptContents, present } from '../store/index.ts'
import type { LayerForm } from '../sys/layer-form.ts'
import type { Driver, Stack } from './driver.ts'
import type { Inspected } from './inspection.ts'
import { readStack } from './session.ts'

/** In which form a driver's layers lie on disk. */
export function formOf(driver: Driver): LayerForm {
  if (driver.whiteouts === 'none') return 'plain'
  if (driver.whiteouts === 'aufs') return 'aufs'
  return driver.xattrs === 'user' ? 'overlay-user' : 'overlay'
}

/** A layer, and what it is compared with. */
export interface Comparison {
  readonly stack: Stack
  /** Undefined: nothing is below. */
  readonly below: Stack | undefined
  /** The layer's own directory tells all that it changes. */
  readonly own: boolean
}

/** What is read of a comparison: directories, the highest first. */
export interface Views {
  readonly layers: readonly string[]
  readonly parents: readonly string[]
  readonly form: LayerForm
}

/**
 * @param parent the id of a layer to compare with instead of the one directly below.
 * @throws GraphDriverError ERR_LAYER_NOT_FOUND, ERR_LAYER_CORRUPT
 */
export async function comparisonOf(
  { layout, driver }: Inspected,
  id: string,
  parent: string | undefined,
): Promise<Comparison> {
  const stack = await readStack(layout, id)
  const direct = stack.ancestors[0]?.id
  const other = parent ?? direct
  const below = other === undefined ? undefined : await readStack(layout, other)
  for (const { layer } of [stack, below ?? stack]) {
    if (!(await present(layer.diff))) throw corruptContents(layout, layer.id, 'are missing')
  }
  const telling = driver.whiteouts !== 'none' && driver.indirect !== true
  return { stack, below, own: other === direct && (telling || direct === undefined) }
}

/** The directories to compare, which need not be mounted. */
export async function viewsOf(driver: Driver, { stack, below }: Comparison): Promise<Views> {
  const parents = below === undefined ? [] : await viewOf(driver, below)
  return { layers: await viewOf(driver, stack), parents, form: formOf(driver) }
}

/** The directories that are a layer's view, the highest first. */
export async function viewOf(driver: Driver, stack: Stack): Promise<string[]> {
  if (driver.whiteouts !== 'none') return [stack.layer.diff, ...stack.lowers]
  return [(await driver.standIn?.(stack)) ?? stack.layer.diff]
}
