// Draws surfaces into the frames of a 3Dmol viewer, after its opaque and after its transparent objects.
//
// 3Dmol itself draws of several transparent surfaces only the nearest. Here all transparent triangles of a
// view are sorted from back to front whenever it has been turned.
import { contextState } from "./library.js";
import { sortTriangles } from "./surfaces.js";

const VERTEX = `#version 300 es
uniform mat4 projection, view, model;
uniform vec2 fogRange;
uniform float size;
in vec3 position, normal;
in vec4 color;
out vec3 at, up;
out vec4 paint;
out float fog;
void main() {
  vec4 seen = view * (model * vec4(position, 1.0)); // in brackets: no product of matrices per vertex
  at = seen.xyz;
  up = mat3(view) * (mat3(model) * normal);
  paint = color;
  fog = smoothstep(fogRange.x, fogRange.y, -at.z);
  gl_Position = projection * seen;
  gl_PointSize = size;
}`;

// Few operations, for graphics without a card. 3Dmol's light; the eye is taken to be straight ahead.
const FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 fogColor;
uniform bool solid, dots;
in vec3 at, up;
in vec4 paint;
in float fog;
out vec4 drawn;
const vec3 LIGHT = normalize(vec3(0.2, 0.2, 1.0));
const vec3 MIRROR = normalize(LIGHT + vec3(0.0, 0.0, 1.0));
void main() {
  if (dots && distance(gl_PointCoord, vec2(0.5)) > 0.5) discard;
  vec3 normal = normalize(up);
  if (dot(normal, at) > 0.0) normal = -normal; // the inner side is lit as well
  float least = solid ? 0.35 : 0.7; // thin lines and dots in the shade would be lost on dark paper
  float shade = mix(least, 1.0, max(dot(normal, LIGHT), 0.0));
  float gleam = max(dot(normal, MIRROR), 0.0);
  gleam *= gleam; gleam *= gleam; gleam *= gleam; gleam *= gleam; gleam *= gleam;
  float slant = 1.0 - abs(normal.z); // a film seen aslant covers more
  float cover = paint.a + (1.0 - paint.a) * slant * slant * slant;
  drawn = vec4(mix(paint.rgb * shade + 0.18 * gleam, fogColor, fog), cover);
}`;

const ATTRIBUTES = ["position", "normal", "color"];
const UNIFORMS = ["projection", "view", "model", "size", "fogColor", "fogRange", "solid", "dots"];
const DOUBLE_SIDED = { side: 2 };

function compile(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  ATTRIBUTES.forEach((name, place) => gl.bindAttribLocation(program, place, name));
  gl.linkProgram(program);
  const places = Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)]));
  return { program, places };
}

export class Painter {
  constructor(viewer) {
    this.viewer = viewer;
    this.renderer = viewer.getRenderer();
    this.gl = this.renderer.getContext();
    const { renderObjects } = this.renderer;
    this.renderer.renderObjects = (...frame) => {
      renderObjects.apply(this.renderer, frame);
      const [, , pass, camera, , fog] = frame;
      if (pass === "opaque") this.draw(camera, fog, ["opaque", "lines", "dots"]);
      else if (pass === "transparent") this.draw(camera, fog, ["clear"]);
    };
  }

  /** What to draw from now on: see buildGeometry. */
  show(geometry) {
    const { gl } = this;
    this.geometry = geometry;
    this.facing = null;
    this.array ??= gl.createVertexArray();
    this.buffers ??= [...ATTRIBUTES, "indices"].map(() => gl.createBuffer());
    gl.bindVertexArray(this.array);
    [geometry.positions, geometry.normals, geometry.colors].forEach((values, place) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[place]);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(place);
      const bytes = values instanceof Uint8Array;
      gl.vertexAttribPointer(place, bytes ? 4 : 3, bytes ? gl.UNSIGNED_BYTE : gl.FLOAT, bytes, 0, 0);
    });
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[ATTRIBUTES.length]);
    this.starts = {};
    let end = 0;
    for (const kind of ["opaque", "lines", "dots", "clear"]) {
      this.starts[kind] = 4 * end;
      end += geometry[kind].length;
    }
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, 4 * end, gl.DYNAMIC_DRAW);
    for (const kind in this.starts) gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, this.starts[kind], geometry[kind]);
    gl.bindVertexArray(null);
  }

  draw(camera, fog, kinds) {
    const { gl, renderer, geometry } = this;
    const shown = kinds.filter((kind) => geometry?.[kind].length);
    if (!shown.length) return;
    const state = contextState(gl);
    const { program, places } = (state.surfaces ??= compile(gl));
    const model = this.viewer.modelGroup.matrixWorld.elements;
    gl.useProgram(program);
    gl.uniformMatrix4fv(places.projection, false, camera.projectionMatrix.elements);
    gl.uniformMatrix4fv(places.view, false, camera.matrixWorldInverse.elements);
    gl.uniformMatrix4fv(places.model, false, model);
    gl.uniform3f(places.fogColor, fog.color.r, fog.color.g, fog.color.b);
    gl.uniform2f(places.fogRange, fog.near, fog.far);
    gl.uniform1f(places.size, 2 * renderer.devicePixelRatio);
    gl.bindVertexArray(this.array);
    renderer.setDepthTest(true);
    renderer.setMaterialFaces(DOUBLE_SIDED, false);
    renderer.setBlending(true);
    for (const kind of shown) {
      if (kind === "clear") this.sort([model[2], model[6], model[10]]);
      gl.uniform1i(places.dots, kind === "dots");
      gl.uniform1i(places.solid, kind === "opaque" || kind === "clear");
      renderer.setDepthWrite(kind !== "clear");
      const shape = { lines: gl.LINES, dots: gl.POINTS }[kind] ?? gl.TRIANGLES;
      gl.drawElements(shape, geometry[kind].length, gl.UNSIGNED_INT, this.starts[kind]);
    }
    gl.bindVertexArray(null);
    renderer._currentProgram = null; // 3Dmol sets its own again
  }

  /** `facing` points out of the screen, in the coordinates of the molecule. */
  sort(facing) {
    if (this.facing?.every((value, k) => Math.abs(value - facing[k]) < 1e-3)) return;
    this.facing = facing;
    const { gl } = this;
    gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, this.starts.clear, sortTriangles(this.geometry, facing));
  }

  dispose() {
    this.buffers?.forEach((buffer) => this.gl.deleteBuffer(buffer));
    this.gl.deleteVertexArray(this.array ?? null);
  }
}
