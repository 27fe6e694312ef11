import type { Comparison, Views } from './comparison.ts'
import type { References } from './references.ts'
import { behindGates, type Session } from './session.ts'

/**
 * The two views of a comparison as their mounts show them, each held by a reference. The caller holds the gates of both layers.
 *
 * @returns what gives the references back; it wants no gate held.
 */
export async function mountViews(
  session: Session,
  references: References,
  { stack, below }: Comparison,
): Promise<{ views: Views; drop: () => Promise<void> }> {
  const held: string[] = []
  const look = async (id: string): Promise<string> => {
    const path = await references.take(id, { readOnly: true, label: undefined })
    held.push(id)
    return path
  }
  try {
    const layers = [await look(stack.layer.id)]
    const parents = below === undefined ? [] : [await look(below.layer.id)]
    const drop = (): Promise<void> => behindGates(session, held, undefined, () => give(references, held))
    return { views: { layers, parents, form: 'plain' }, drop }
  } catch (error) {
    await give(references, held)
    throw error
  }
}

async function give(references: References, ids: readonly string[]): Promise<void> {
  for (const id of ids) await references.give(id, {}, 'view')
}
