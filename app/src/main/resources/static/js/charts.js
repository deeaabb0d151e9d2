/** Charts in the colours of the page, each with a table that says the same. */
import * as echarts from '/webjars/echarts/dist/echarts.esm.min.js';

const shown = new Set();

/** What a custom property of the stylesheet is just now, light or dark. */
function colour(name) {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function theme() {
  return {
    ink: colour('--ink'), soft: colour('--ink-soft'), line: colour('--line'), surface: colour('--raised'),
    series: [colour('--accent'), colour('--good'), colour('--warn'), colour('--bad'), colour('--ink-soft')],
  };
}

function options({ series, unit, step }) {
  const palette = theme();
  const format = value => (value === null || value === undefined ? 'not shown' : unit(value));
  return {
    animation: false,
    color: palette.series,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: palette.ink },
    grid: { left: 8, right: 16, top: series.length > 1 ? 36 : 16, bottom: 8, containLabel: true },
    legend: series.length > 1 ? { type: 'scroll', top: 0, left: 0, icon: 'roundRect', textStyle: { color: palette.ink } } : undefined,
    tooltip: {
      // Drawn on the canvas: a tooltip in HTML would need inline styles, which the page's policy forbids.
      renderMode: 'richText',
      trigger: 'axis',
      confine: true,
      backgroundColor: palette.surface,
      borderColor: palette.line,
      textStyle: { color: palette.ink },
      valueFormatter: format,
    },
    xAxis: {
      type: 'time',
      minInterval: step,
      axisLine: { lineStyle: { color: palette.line } },
      axisLabel: { color: palette.soft, hideOverlap: true },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      min: 0,
      minInterval: 0,
      axisLabel: { color: palette.soft, formatter: unit },
      splitLine: { lineStyle: { color: palette.line } },
    },
    series: series.map(({ name, points, kind = 'bar', stack }, index) => ({
      name,
      type: kind,
      stack,
      data: points,
      barMaxWidth: 26,
      connectNulls: false,
      // A number between two gaps is a line of one point: only its symbol shows it.
      showSymbol: kind === 'line' && (points.length < 2 || points.some(([, value]) => value === null)),
      symbol: 'circle',
      symbolSize: 4,
      lineStyle: { width: 2, type: index % 2 ? [6, 3] : 'solid' },
      itemStyle: kind === 'bar' && index % 2
        ? { decal: { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [3, 5], rotation: Math.PI / 4, color: palette.surface } }
        : {},
    })),
  };
}

/**
 * Puts a card with a chart and its table into a container; call the result again with new data.
 *
 * @param name of the chart, plain text
 * @returns update({series: [{name, points: [[time, value]], kind, stack}], unit, step, summary, when})
 */
export function chart(container, name) {
  const card = document.createElement('figure');
  card.className = 'card chart';
  const caption = document.createElement('figcaption');
  const heading = document.createElement('h2');
  heading.textContent = name;
  const summary = document.createElement('p');
  summary.className = 'soft';
  caption.append(heading, summary);
  const canvas = document.createElement('div');
  canvas.className = 'canvas';
  canvas.setAttribute('role', 'img');
  const details = document.createElement('details');
  const toggle = document.createElement('summary');
  toggle.textContent = 'Show as a table';
  const scroll = document.createElement('div');
  scroll.className = 'scroll';
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', `${name} as a table`);
  details.append(toggle, scroll);
  card.append(caption, canvas, details);
  container.append(card);

  const drawing = echarts.init(canvas, null, { renderer: 'canvas' });
  let current = null;
  const entry = {
    draw() { if (current) drawing.setOption(options(current), { notMerge: true }); },
    resize() { drawing.resize(); },
    card,
  };
  shown.add(entry);
  new ResizeObserver(() => entry.resize()).observe(canvas);
  details.addEventListener('toggle', () => { if (details.open && current) fillTable(scroll, name, current); });

  return data => {
    current = data;
    summary.textContent = data.summary;
    canvas.setAttribute('aria-label', `${name}: ${data.summary}`);
    entry.draw();
    if (details.open) fillTable(scroll, name, data);
  };
}

/** Takes away every chart inside a container. */
export function clearCharts(container) {
  for (const entry of shown) if (container.contains(entry.card)) shown.delete(entry);
  container.replaceChildren();
}

function fillTable(scroll, name, { series, unit, when }) {
  const table = document.createElement('table');
  const caption = table.createCaption();
  caption.textContent = name;
  const head = table.createTHead().insertRow();
  for (const title of ['Time', ...series.map(one => one.name)]) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    if (title !== 'Time') cell.className = 'number';
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  const times = [...new Set(series.flatMap(one => one.points.map(([time]) => time)))].sort((a, b) => b - a);
  const values = series.map(one => new Map(one.points));
  for (const time of times) {
    // Hours without anything would bury the others.
    if (values.every(points => points.get(time) === 0)) continue;
    const row = body.insertRow();
    const at = document.createElement('th');
    at.scope = 'row';
    at.textContent = when(time);
    row.append(at);
    for (const points of values) {
      const cell = row.insertCell();
      cell.className = 'number';
      const value = points.get(time);
      cell.textContent = value === null ? '< 5' : value === undefined ? '' : unit(value);
    }
  }
  if (!body.rows.length) {
    const cell = body.insertRow().insertCell();
    cell.colSpan = series.length + 1;
    cell.textContent = 'Nothing in this range.';
  }
  scroll.replaceChildren(table);
}

const redraw = () => { for (const entry of shown) entry.draw(); };
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
// Paper is white: charts are drawn in the light colours while printing.
addEventListener('beforeprint', () => { document.documentElement.style.colorScheme = 'light'; redraw(); });
addEventListener('afterprint', () => { document.documentElement.style.colorScheme = ''; redraw(); });
