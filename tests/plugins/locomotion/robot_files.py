"""Models of robots as users bring them, written for the tests."""

from pathlib import Path

import sandbox

LEGS = {"fl": (0.2, 0.13), "fr": (0.2, -0.13), "bl": (-0.2, 0.13), "br": (-0.2, -0.13)}
HOME = " ".join(["0.8 -1.6"] * 4)
"""Hip and knee of every leg of `dog` while it stands, rad."""
DOG_MASS = 6 + 4 * (0.5 + 0.2)

_KEYFRAME = f'<keyframe><key name="home" qpos="0 0 0.3 1 0 0 0 {HOME}" ctrl="{HOME}"/></keyframe>'


def dog(scene="", before="", keyframe=_KEYFRAME, root='<freejoint name="base"/>', unit=False, head=""):
    """A quadruped with position servos whose ranges lie off zero.

    Args:
        scene: Elements after the robot in the world.
        before: Elements before it.
        keyframe: Element with its poses.
        root: Joints of its trunk.
        unit: Whether the same servos take controls from -1 to 1.
        head: Elements at the top of the file.
    """
    legs = "".join(
        f'<body name="{leg}" pos="{x} {y} 0"><joint name="{leg}_hip" class="hip"/>'
        f'<geom class="leg" fromto="0 0 0 0 0 -0.2" mass="0.5"/>'
        f'<body name="{leg}_foot" pos="0 0 -0.2"><joint name="{leg}_knee" class="knee"/>'
        f'<geom class="leg" fromto="0 0 0 0 0 -0.2" mass="0.2"/></body></body>'
        for leg, (x, y) in LEGS.items()
    )
    servos = {
        "hip": '<position kp="40" ctrlrange="-1.2 2.6" forcerange="-30 30"/>',
        "knee": '<position kp="40" ctrlrange="-2.6 -0.6" forcerange="-30 30"/>',
    }
    actuator = "position"
    if unit:  # force = 40·(center + half·u - q)
        bias = 'biastype="affine" biasprm="{} -40 0" forcerange="-30 30"'
        form = f'<general ctrlrange="-1 1" gainprm="{{}}" {bias}/>'
        servos = {"hip": form.format(40 * 1.9, 40 * 0.7), "knee": form.format(40 * 1.0, 40 * -1.6)}
        actuator = "general"
    actuators = "".join(
        f'<{actuator} name="{leg}_{joint}" joint="{leg}_{joint}" class="{joint}"/>'
        for leg in LEGS
        for joint in ("hip", "knee")
    )
    return f"""<mujoco model="dog"><compiler angle="radian"/><option timestep="0.004"/>{head}
      <default>
        <joint damping="0.6" armature="0.01"/><geom friction="0.9 0.02 0.01"/>
        <default class="leg"><geom type="capsule" size="0.02"/></default>
        <default class="hip"><joint axis="0 1 0" range="-1.2 2.6"/>{servos["hip"]}</default>
        <default class="knee"><joint axis="0 1 0" range="-2.6 -0.6"/>{servos["knee"]}</default>
      </default>
      <worldbody><light pos="0 0 3"/><geom name="ground" type="plane" size="30 30 1"/>{before}
        <body name="trunk" pos="0 0 0.34">{root}<geom type="box" size="0.22 0.1 0.05" mass="6"/>{legs}</body>
      {scene}</worldbody>
      <actuator>{actuators}</actuator>{keyframe}</mujoco>"""


MOTOR = '<motor name="{0}" {1} gear="60" ctrllimited="true" ctrlrange="-1 1"/>'


def leg(motors, tendons="", root=None, pos="0 0 1", keyframe=""):
    """A leg in a vertical plane: trunk, thigh, shin and foot; hip is coordinate 3, knee 4, ankle 5."""
    root = root or (
        '<joint name="rx" type="slide" axis="1 0 0"/><joint name="rz" type="slide" axis="0 0 1"/>'
        '<joint name="ry" type="hinge" axis="0 1 0"/>'
    )
    return f"""<mujoco model="leg"><option timestep="0.002"/>
      <default><joint axis="0 -1 0" limited="true" damping="1"/></default>
      <worldbody><geom type="plane" size="40 40 1"/><light pos="0 0 4"/>
       <body name="trunk" pos="{pos}">{root.replace("/>", ' limited="false" damping="0"/>')}
        <geom type="capsule" fromto="0 0 0 0 0 0.3" size="0.05" mass="4"/><site name="nozzle" pos="0 0 .1"/>
        <body name="thigh"><joint name="hip" range="-57 57"/>
         <geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.04" mass="2"/>
         <site name="upper" pos=".05 0 -.2"/>
         <body name="shin" pos="0 0 -0.4"><joint name="knee" range="-115 0"/>
          <geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.03" mass="1"/>
          <site name="lower" pos=".05 0 -.2"/>
          <body name="foot" pos="0 0 -0.4"><joint name="ankle" range="-46 46"/>
           <geom type="capsule" fromto="-0.1 0 0 0.15 0 0" size="0.04" mass="0.5"/></body></body></body>
       </body></worldbody>
      <tendon><fixed name="pull"><joint joint="hip" coef="0.5"/><joint joint="knee" coef="1"/></fixed>
      {tendons}</tendon><actuator>{motors}</actuator>{keyframe}</mujoco>"""


HIP, ANKLE = MOTOR.format("hip", 'joint="hip"'), MOTOR.format("ankle", 'joint="ankle"')


def slider(pairs):
    """Four feet under a trunk; they touch the ground as geoms do, or by explicit pairs only."""
    off = 'contype="0" conaffinity="0"' if pairs else 'friction="1 0.02 0.0001"'
    legs = "".join(
        f'<body name="leg{k}" pos="{x} {y} 0"><joint name="j{k}" axis="0 1 0" range="-57 57" damping="2"/>'
        f'<geom name="foot{k}" size="0.06" pos="0 0 -0.3" mass="0.3" {off}/></body>'
        for k, (x, y) in enumerate([(0.2, 0.15), (0.2, -0.15), (-0.2, 0.15), (-0.2, -0.15)])
    )
    contact = "".join(
        f'<pair geom1="foot{k}" geom2="ground" friction="1 1 0.02 0.0001 0.0001"/>' for k in range(4)
    )
    motors = "".join(f'<motor joint="j{k}" gear="10" ctrlrange="-1 1"/>' for k in range(4))
    return f"""<mujoco><option timestep="0.005"/>
      <worldbody><geom name="ground" type="plane" size="40 40 1" friction="1 0.02 0.0001"/>
       <body name="trunk" pos="0 0 0.36"><freejoint/><geom type="box" size=".25 .12 .05" mass="5"/>
       {legs}</body>
      </worldbody><actuator>{motors}</actuator>{f"<contact>{contact}</contact>" if pairs else ""}</mujoco>"""


def write(folder, xml, name="robot.xml"):
    """The path of a new file."""
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(xml)
    return path


def make(path, robot="ant", *changes, **kwargs):
    """An environment with the model of a user."""
    changes = [f"config.model={path}", *(f"config.{change}" for change in changes)]
    return sandbox.make(f"locomotion/{robot}", changes=changes, **kwargs)
