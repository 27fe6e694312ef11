import type { GraphDriver, LayerInfo } from '../../index.ts'
import type { Context } from '../context.ts'
import { forestOf, type PicturedLayer } from './pictures/forest.ts'
import { treeDot, treeMermaid } from './pictures/tree-graph.ts'
import { treeSvg } from './pictures/tree-svg.ts'
import { treeText } from './pictures/tree-text.ts'
import { count } from '../format.ts'
import { UsageError } from '../usage.ts'
import type { Verb } from '../verb.ts'

const FORMS = ['dot', 'mermaid', 'svg'] as const

export const tree: Verb = {
  name: 'tree',
  summary: 'draw the layers, what each adds, and which are mounted',
  details: [
    'As text, a chain goes straight down, and where a layer is shared the branches are indented. --dot is for Graphviz, --mermaid for Markdown, --svg a picture by itself.',
  ],
  options: [
    { flags: '--dot', summary: 'for dot(1) of Graphviz' },
    { flags: '--mermaid', summary: 'a flowchart of Mermaid' },
    { flags: '--svg', summary: 'a picture' },
    { flags: '--no-size', summary: 'do not measure the layers: quicker for many files' },
  ],
  shape: '{ root, layers: { id, parent?, children: string[], size?, mounted, held, inUse, fault? }[] }',
  examples: [{ command: 'graphdriver tree --svg > layers.svg', says: 'a picture' }],
  looksOnly: true,
  async run(input, context) {
    const forms = FORMS.filter((form) => input.on(form))
    if (forms.length > 1) throw new UsageError(`choose one of --${forms.join(' and --')}`)
    await using driver = await context.look()
    const list = await driver.list()
    const layers = input.on('size') ? await measure(driver, list, context) : list
    const { root } = driver
    const trees = forestOf(layers)
    return {
      data: { root, layers },
      text: (terminal) => {
        if (forms[0] === 'dot') return treeDot(trees)
        if (forms[0] === 'mermaid') return treeMermaid(trees)
        return forms[0] === 'svg' ? treeSvg(trees, root) : treeText(trees, terminal)
      },
    }
  },
}

/** One after the other: each is many calls at once already. */
async function measure(
  driver: GraphDriver,
  layers: readonly LayerInfo[],
  context: Context,
): Promise<PicturedLayer[]> {
  return context.watched('measure', async (update) => {
    const measured: PicturedLayer[] = []
    for (const layer of layers) {
      update?.({
        done: measured.length,
        of: layers.length,
        words: count(measured.length, 'layer'),
        unit: 'layers',
      })
      if (layer.fault !== undefined) measured.push(layer)
      else measured.push({ ...layer, size: await driver.diffSize(layer.id, { signal: context.signal }) })
    }
    return measured
  })
}
