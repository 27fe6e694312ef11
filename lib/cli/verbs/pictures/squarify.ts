export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/**
 * Divides a rectangle among values, largest first, so that the parts are as near to squares as can be (Bruls, Huizing and van Wijk,
 * Squarified Treemaps, 2000).
 *
 * @param values positive, in falling order.
 */
export function squarify(values: readonly number[], area: Rectangle): Rectangle[] {
  const total = values.reduce((sum, value) => sum + value, 0)
  const scale = total === 0 ? 0 : (area.width * area.height) / total
  const areas = values.map((value) => value * scale)
  const placed: Rectangle[] = []
  let rest = area
  let start = 0
  while (start < areas.length) {
    const side = Math.min(rest.width, rest.height)
    let end = start + 1
    while (
      end < areas.length &&
      worst(areas.slice(start, end + 1), side) <= worst(areas.slice(start, end), side)
    )
      end++
    const row = areas.slice(start, end)
    const { rectangles, left } = layRow(row, rest)
    placed.push(...rectangles)
    rest = left
    start = end
  }
  return placed
}

/** The worst ratio of sides in a row of areas along a side. */
function worst(row: readonly number[], side: number): number {
  const sum = row.reduce((total, area) => total + area, 0)
  if (sum === 0 || side === 0) return Infinity
  const [least, most] = [Math.min(...row), Math.max(...row)]
  return Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * least))
}

/** Puts a row along the shorter side. */
function layRow(
  row: readonly number[],
  { x, y, width, height }: Rectangle,
): { rectangles: Rectangle[]; left: Rectangle } {
  const sum = row.reduce((total, area) => total + area, 0)
  const upright = width >= height
  const thickness = sum / Math.max(upright ? height : width, Number.MIN_VALUE)
  let at = upright ? y : x
  const rectangles = row.map((area) => {
    const length = thickness === 0 ? 0 : area / thickness
    const one = upright
      ? { x, y: at, width: thickness, height: length }
      : { x: at, y, width: length, height: thickness }
    at += length
    return one
  })
  const left = upright
    ? { x: x + thickness, y, width: Math.max(width - thickness, 0), height }
    : { x, y: y + thickness, width, height: Math.max(height - thickness, 0) }
  return { rectangles, left }
}
